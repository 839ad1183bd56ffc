/** An adapter that makes SmolLM2-135M-Instruct good at drafts; its model card lies beside it. */
module dev.jangle.smollm2 {
  exports dev.jangle.smollm2;
}
