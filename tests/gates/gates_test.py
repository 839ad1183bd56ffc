"""That the static gates can fail: each fault of faults.cu must be found, and nothing else.

  python gates_test.py <folder of the gates> <faults.o> <cuobjdump>
"""

import subprocess
import sys
import tempfile
import unittest
import unittest.mock
from pathlib import Path

GATES, OBJECT, CUOBJDUMP = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
HERE = Path(__file__).parent
sys.path.insert(0, str(GATES))

import addresses  # noqa: E402
import check  # noqa: E402
import cycles  # noqa: E402
import flow  # noqa: E402
import memory  # noqa: E402
import model  # noqa: E402
from cubins import Instruction, Kernel, MissingTool, Toolkit, read_kernels, short_name  # noqa: E402
from expectations import Expectations  # noqa: E402
from resources import ptx_faults  # noqa: E402

TOOLS = Toolkit(CUOBJDUMP)
KERNELS = {kernel.name: kernel for kernel in read_kernels(TOOLS, OBJECT)}


class Faults(unittest.TestCase):
    def found(self, name: str) -> list[str]:
        table = Expectations(HERE / "gates.toml")
        return check.faults_of(KERNELS[name], table.of(name), None)

    def only(self, name: str, *texts: str) -> None:
        faults = self.found(name)
        self.assertEqual(len(texts), len(faults), faults)
        for text, fault in zip(texts, faults):
            self.assertIn(text, fault)

    def test_sound_kernel_passes(self):
        self.only("SoundKernel")

    def test_spill(self):
        self.only("SpillKernel", "bytes of local memory")

    def test_float_atomic(self):
        self.only("FloatAtomicKernel", "an atomic on floats")

    def test_float_atomic_by_compare_and_swap(self):
        self.assertTrue(any("compare-and-swap" in fault for fault in self.found("SharedFloatAtomicKernel")))

    def test_float_atomic_in_ptx(self):
        faults = ptx_faults(TOOLS.run(CUOBJDUMP, "-ptx", OBJECT))
        self.assertEqual(2, len(faults), faults)

    def test_bank_conflict(self):
        self.only("ConflictKernel", "LDS with bank conflicts, up to 32 ways")

    def test_bank_conflict_of_atomics(self):
        self.only("SharedAtomicKernel", "ATOMS with bank conflicts, up to 32 ways")

    def test_generic_address(self):
        self.only("GenericKernel", "1 LD in the generic address space")

    def test_scattered_read_and_missing_instruction(self):
        self.only("ScatterKernel", "no HMMA", "LDG badly coalesced, down to 12 %")

    def test_untraced_read(self):
        self.only("GatherKernel", "LDG at global addresses that cannot be followed (loaded data)")

    def test_occupancy(self):
        self.only("CrowdedKernel", "5 blocks fit on a multiprocessor of 228 KiB; 6 are wanted")


class Table(unittest.TestCase):
    def run_check(self, table: str) -> subprocess.CompletedProcess:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "CMakeCache.txt").write_text(f"JANGLE_CUOBJDUMP:FILEPATH={CUOBJDUMP}\n")
            (Path(folder) / "gates.toml").write_text(table)
            command = [sys.executable, GATES / "check.py", "--build", folder, "--library", OBJECT]
            command += ["--expect", f"{folder}/gates.toml"]
            return subprocess.run(command, capture_output=True, text=True)

    def test_unknown_kernel_fails_and_says_where_to_add_it(self):
        result = self.run_check('[[kernel]]\nname = "*AtomicKernel"\nregisters = 40\n')
        self.assertEqual(1, result.returncode, result.stderr)
        self.assertIn("SoundKernel: not in the table; add to", result.stdout)
        self.assertIn('[[kernel]]\n    name = "SoundKernel"', result.stdout)

    def test_entry_of_no_kernel_fails(self):
        result = self.run_check('[[kernel]]\nname = "*"\nregisters = 255\n[[kernel]]\nname = "GoneKernel"\n')
        self.assertEqual(1, result.returncode, result.stderr)
        self.assertIn("no kernel is named GoneKernel", result.stdout)

    def test_misspelt_field_is_refused(self):
        result = self.run_check('[[kernel]]\nname = "*"\nregister = 255\n')
        self.assertEqual(2, result.returncode)
        self.assertIn("register", result.stderr)

    def test_missing_tool_is_named(self):
        with self.assertRaisesRegex(MissingTool, "/nowhere/cuobjdump"):
            Toolkit(Path("/nowhere/cuobjdump"))

    def test_architecture_that_lacks_a_kernel(self):
        faults = check.check_architectures(list(KERNELS.values()), ["sm_90a", "sm_80"])
        self.assertIn("sm_80: not built: SoundKernel", faults)


class FakeLoops(cycles.Loops):
    """Loops of one instruction, of kernels that are not there."""

    def loop(self, name):
        return [Instruction(0, "", "FFMA", "R0, R0, R0, R0", 4)]

    def resident(self, name):
        return 2

    def schedule(self, use):
        return 1.0


class Parts(unittest.TestCase):
    def test_names(self):
        name = "void jangle::MatmulKernel<jangle::(anonymous namespace)::F32, (int)1, 2>(jangle::MatmulPlan)"
        self.assertEqual("MatmulKernel<F32, 1, 2>", short_name(name))

    def test_issue_cycles_against_bytes(self):
        # 4 * 1024 bytes take 282 cycles; 16 warps of one multiprocessor issue 4 times their instructions.
        body = ["LDGSTS.E.BYPASS.128", *["FFMA"] * 98, "BRA"]
        loop = [Instruction(16 * i, "", op, "R0", 1) for i, op in enumerate(body)]
        loop[-1] = Instruction(loop[-1].address, "@P0", "BRA", "0x0", 1)
        entry = [Instruction(-16, "", "NOP", "", 1)]
        kernel = Kernel(cycles.ARCH, "", "K", 512, 32, 0, 0, entry + loop)
        loops = cycles.Loops([kernel], {})
        self.assertAlmostEqual(100 * (100 / 4) / (4096 / 14.5), loops.issue(cycles.Use("K", 1, 1, 4096)))
        self.assertAlmostEqual(loops.issue(cycles.Use("K", 1, 1, 4096)) * 8, loops.issue(cycles.Use("K", 2, 4, 4096)))

    def test_loop_over_its_limit_is_a_fault(self):
        class Slow(cycles.Loops):
            def issue(self, use):
                return 71

        limits = {"most": 70, "rows": 32, "above": {"matmul Q4_0, 1 tile": [105, "a reason"], "none": [99, ""]}}
        faults = cycles.issue_faults(Slow([], {}), limits)
        self.assertEqual(4 * (len(cycles.SERIES) - 1) + 1, len(faults), faults)
        self.assertIn("matmul Bf16, 4 tiles: at 32 tokens, issue takes 71 % of the bytes' time; at most 70 %", faults)
        self.assertIn("issue.above names none, which is no line of the table", faults)

    def test_other_figures_in_the_file_of_the_model_are_a_fault(self):
        loops = FakeLoops([], {})
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "MODEL.md"
            self.assertEqual(1, len(model.model_faults(loops, file)))
            text = f"# Model\n{model.BEGIN}\n{model.tables(loops)}\n{model.END}"
            file.write_text(text)
            self.assertEqual([], model.model_faults(loops, file))
            at = text.index("SmolLM2-135M | Bf16 | 335 | ") + len("SmolLM2-135M | Bf16 | 335 | ")
            file.write_text(text[:at] + ("1" if text[at] == "9" else "9") + text[at + 1 :])
            self.assertEqual(1, len(model.model_faults(loops, file)))

    def test_movmatrix_writes_one_register(self):
        # R3, an address, is not among what it writes; it is among the four of ldmatrix.
        lines = [
            ("", "S2R", "R1, SR_TID.X"),
            ("", "IMAD.SHL.U32", "R3, R1, 0x4, RZ"),
            ("", "MOVM.16.MT88", "R2, R4"),
            ("", "LDS", "R5, [R3]"),
            ("", "LDSM.16.M88.4", "R0, [R3]"),
            ("", "LDS", "R5, [R3]"),
            ("", "EXIT", ""),
        ]
        code = [Instruction(16 * i, guard, op, operands, 1) for i, (guard, op, operands) in enumerate(lines)]
        first, _, last = addresses.accesses(flow.Flow(code), 32)
        self.assertEqual(tuple(range(0, 128, 4)), first.address.alternatives[0].vec)
        self.assertEqual("matrix fragments", last.address.reason)

    def access_of_last(self, lines) -> addresses.Access:
        code = [Instruction(16 * i, guard, op, operands, 1) for i, (guard, op, operands) in enumerate(lines)]
        return addresses.accesses(flow.Flow(code), 32)[-1]

    def test_reduction_writes_a_register(self):
        access = self.access_of_last(
            [
                ("", "S2R", "R1, SR_TID.X"),
                ("", "IMAD.SHL.U32", "R3, R1, 0x4, RZ"),
                ("", "REDUX.SUM.S32", "UR4, R1"),
                ("", "LDS", "R5, [R3+UR4]"),
                ("", "EXIT", ""),
            ]
        )
        self.assertEqual(tuple(range(0, 128, 4)), access.address.alternatives[0].vec)

    def test_lanes_that_choose_differently(self):
        # Words 0 to 15 and 32 to 47: neither of the two that each lane chooses between has conflicts.
        choices = [
            [("", "SEL", "R4, R2, R3, !P0")],
            [("", "MOV", "R4, R2"), ("@P0", "MOV", "R4, R3")],
        ]
        for choice in choices:
            access = self.access_of_last(
                [
                    ("", "S2R", "R1, SR_TID.X"),
                    ("", "IMAD.SHL.U32", "R2, R1, 0x4, RZ"),
                    ("", "IADD3", "R3, R2, 0x40, RZ"),
                    ("", "ISETP.GT.U32.AND", "P0, PT, R1, 0xf, PT"),
                    *choice,
                    ("", "LDS", "R5, [R4]"),
                    ("", "EXIT", ""),
                ]
            )
            self.assertEqual(2, memory.conflict_ways(access))

    def test_limit_that_binds_in_some_lanes(self):
        access = self.access_of_last(
            [
                ("", "S2R", "R1, SR_TID.X"),
                ("", "VIMNMX", "R2, R1, 0x1e, PT"),
                ("", "IMAD.SHL.U32", "R3, R2, 0x4, RZ"),
                ("", "LDS", "R5, [R3]"),
                ("", "EXIT", ""),
            ]
        )
        self.assertEqual([(*range(0, 124, 4), 120)], [value.vec for value in access.address.alternatives])

    def test_lanes_that_do_not_come_to_rest_are_an_error(self):
        lines = [("", "S2R", "R1, SR_TID.X"), ("", "IADD3", "R2, R2, R1, RZ"), ("@P0", "BRA", "0x10"), ("", "EXIT", "")]
        code = [Instruction(16 * i, guard, op, operands, 1) for i, (guard, op, operands) in enumerate(lines)]
        with unittest.mock.patch.object(addresses, "MOST_ROUNDS", 1), self.assertRaisesRegex(RuntimeError, "1 rounds"):
            addresses.accesses(flow.Flow(code), 32)

    def test_guarded_values_are_kept_through_a_loop(self):
        # R2 is written and read where P0 holds; the next time around, loaded data is left in it.
        lines = [
            ("", "S2R", "R1, SR_TID.X"),
            ("@P0", "IMAD.SHL.U32", "R2, R1, 0x4, RZ"),
            ("@P1", "BRA", "0x40"),
            ("", "IADD3", "R6, R6, 0x1, RZ"),
            ("@P0", "LDS", "R3, [R2]"),
            ("", "LDG.E", "R2, desc[UR4][R1.64]"),
            ("@P2", "BRA", "0x10"),
            ("", "EXIT", ""),
        ]
        code = [Instruction(16 * i, guard, op, operands, 1) for i, (guard, op, operands) in enumerate(lines)]
        access = next(a for a in addresses.accesses(flow.Flow(code), 32) if a.space == "shared")
        self.assertEqual(tuple(range(0, 128, 4)), access.address.alternatives[0].vec)

    def test_guarded_values_are_kept_apart(self):
        # Where P0 holds, R2 is 4 * lane; what R2 was before is loaded data.
        lines = [
            ("", "S2R", "R1, SR_TID.X"),
            ("", "LDG.E", "R2, desc[UR4][R1.64]"),
            ("@P0", "IMAD.SHL.U32", "R2, R1, 0x4, RZ"),
            ("@P0", "LDS", "R3, [R2]"),
            ("", "LDS", "R3, [R2]"),
            ("", "EXIT", ""),
        ]
        code = [Instruction(16 * i, guard, op, operands, 1) for i, (guard, op, operands) in enumerate(lines)]
        guarded, free = [a for a in addresses.accesses(flow.Flow(code), 32) if a.space == "shared"]
        self.assertEqual(tuple(range(0, 128, 4)), guarded.address.alternatives[0].vec)
        self.assertEqual("loaded data", free.address.reason)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
