package dev.jangle.backend;

/**
 * What a backend is on this machine.
 *
 * @param kind CPU or CUDA
 * @param available whether it can be used
 * @param deviceName the device, empty where there is none
 * @param tier the best instruction set, empty where there is none
 * @param reason why it is not available, empty where it is
 */
public record BackendStatus(
    BackendKind kind, boolean available, String deviceName, String tier, String reason) {}
