package dev.jangle.jcuda;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import jcuda.CudaException;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/**
 * A GPU, as the driver describes it.
 *
 * @param device its number; Jangle uses 0
 * @param name as NVIDIA sells it
 * @param major of the compute capability: 9 of sm_90
 * @param minor of the compute capability: 0 of sm_90
 * @param memoryBytes all of its memory, taken or free
 * @param driverVersion the newest CUDA that the driver can run, 1000 * major + 10 * minor
 */
public record DeviceQuery(
    int device, String name, int major, int minor, long memoryBytes, int driverVersion) {
  private static final int NAME_BYTES = 256;

  /**
   * All GPUs that the driver shows. Makes no context and takes no memory. Thread-safe.
   *
   * @throws JCudaException where there is no driver or no GPU
   */
  public static List<DeviceQuery> all() {
    JCudaLibrary.DRIVER.load();
    int[] count = new int[1];
    int[] driver = new int[1];
    // A program may have told JCuda to throw.
    try {
      check("cuInit", JCudaDriver.cuInit(0));
      check("cuDriverGetVersion", JCudaDriver.cuDriverGetVersion(driver));
      check("cuDeviceGetCount", JCudaDriver.cuDeviceGetCount(count));
      List<DeviceQuery> all = new ArrayList<>();
      for (int i = 0; i < count[0]; i++) {
        all.add(query(i, driver[0]));
      }
      return all;
    } catch (CudaException e) {
      throw new JCudaException(text("a call", e.getMessage()), e);
    }
  }

  private static DeviceQuery query(int number, int driver) {
    CUdevice device = new CUdevice();
    check("cuDeviceGet", JCudaDriver.cuDeviceGet(device, number));
    byte[] name = new byte[NAME_BYTES];
    check("cuDeviceGetName", JCudaDriver.cuDeviceGetName(name, NAME_BYTES, device));
    long[] bytes = new long[1];
    check("cuDeviceTotalMem", JCudaDriver.cuDeviceTotalMem(bytes, device));
    return new DeviceQuery(
        number,
        new String(name, StandardCharsets.UTF_8).replaceFirst("(?s)\0.*", ""),
        attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device),
        attribute(CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device),
        bytes[0],
        driver);
  }

  private static int attribute(int attribute, CUdevice device) {
    int[] value = new int[1];
    check("cuDeviceGetAttribute", JCudaDriver.cuDeviceGetAttribute(value, attribute, device));
    return value[0];
  }

  private static void check(String call, int status) {
    if (status != CUresult.CUDA_SUCCESS) {
      throw new JCudaException(text(call, CUresult.stringFor(status)));
    }
  }

  private static String text(String call, String error) {
    return "%s of the NVIDIA driver failed: %s%s"
        .formatted(
            call,
            error,
            error.contains("NO_DEVICE") ? "; CUDA_VISIBLE_DEVICES may hide the GPU" : "");
  }
}
