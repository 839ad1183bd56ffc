// Names of functions from the symbol table of the file they were loaded from. Kernels are local
// symbols, which dladdr does not know.

#include <cxxabi.h>
#include <elf.h>
#include <link.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <vector>

#include "describe.h"

namespace jangle::emulation {
namespace {

struct Image {
  uintptr_t address;
  uintptr_t base = 0;
  std::string path = {};
  bool found = false;
};

int FindImage(dl_phdr_info* info, size_t, void* data) {
  Image& image = *static_cast<Image*>(data);
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    const uintptr_t start = info->dlpi_addr + header.p_vaddr;
    if (header.p_type == PT_LOAD && image.address >= start &&
        image.address < start + header.p_memsz) {
      image.base = info->dlpi_addr;
      image.path = info->dlpi_name[0] == '\0' ? "/proc/self/exe" : info->dlpi_name;
      image.found = true;
      return 1;
    }
  }
  return 0;
}

template <typename T>
std::vector<T> ReadTable(std::ifstream& file, uint64_t offset, uint64_t bytes) {
  std::vector<T> table(bytes / sizeof(T));
  file.seekg(static_cast<std::streamoff>(offset));
  file.read(reinterpret_cast<char*>(table.data()),
            static_cast<std::streamsize>(table.size() * sizeof(T)));
  if (!file) table.clear();
  return table;
}

std::string Demangle(const char* name) {
  int status = 0;
  char* text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string result = text != nullptr ? text : name;
  std::free(text);
  return result;
}

// The function that `offset` of the image lies in, or nothing.
std::string FunctionAt(const std::string& path, uintptr_t offset) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<ElfW(Ehdr)> header = ReadTable<ElfW(Ehdr)>(file, 0, sizeof(ElfW(Ehdr)));
  if (header.empty() || std::memcmp(header[0].e_ident, ELFMAG, SELFMAG) != 0) return {};
  const auto sections =
      ReadTable<ElfW(Shdr)>(file, header[0].e_shoff, header[0].e_shnum * sizeof(ElfW(Shdr)));
  for (const ElfW(Shdr) & section : sections) {
    if (section.sh_type != SHT_SYMTAB || section.sh_link >= sections.size()) continue;
    const ElfW(Shdr)& strings = sections[section.sh_link];
    const auto names = ReadTable<char>(file, strings.sh_offset, strings.sh_size);
    for (const ElfW(Sym) & symbol :
         ReadTable<ElfW(Sym)>(file, section.sh_offset, section.sh_size)) {
      if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && offset >= symbol.st_value &&
          offset < symbol.st_value + symbol.st_size && symbol.st_name < names.size()) {
        const std::string name = Demangle(&names[symbol.st_name]);
        return offset == symbol.st_value
                   ? name
                   : Format("%s+0x%zx", name.c_str(), offset - symbol.st_value);
      }
    }
  }
  return {};
}

}  // namespace

std::string DescribeCode(uintptr_t address) {
  Image image{.address = address};
  dl_iterate_phdr(FindImage, &image);
  if (!image.found) return Format("at %p", reinterpret_cast<void*>(address));
  const uintptr_t offset = address - image.base;
  const size_t slash = image.path.rfind('/');
  const std::string file =
      image.path == "/proc/self/exe" ? "executable" : image.path.substr(slash + 1);
  const std::string place = file + Format("+0x%zx", offset);
  const std::string function = FunctionAt(image.path, offset);
  return function.empty() ? place : function + " (" + place + ")";
}

}  // namespace jangle::emulation
