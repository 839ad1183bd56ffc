/** Jangle's command line. */
module dev.jangle.cli {
  requires dev.jangle;
  requires dev.jangle.smollm2;
  requires static com.google.errorprone.annotations;
  requires info.picocli;
  requires com.fasterxml.jackson.databind;
  requires java.desktop; // xchart draws with it
  requires java.net.http;
  requires jdk.unsupported; // sun.misc.Signal, for Ctrl-C
  requires me.tongfei.progressbar;
  requires xchart;

  opens dev.jangle.cli to
      info.picocli;
}
