/** Jangle beside JCuda: memory and streams of one in the other, what the driver knows, cuBLAS. */
module dev.jangle.jcuda {
  requires transitive dev.jangle;
  requires transitive jcuda;
  requires jcublas;
  requires java.logging; // jcuda has no descriptor that says so

  exports dev.jangle.jcuda;
}
