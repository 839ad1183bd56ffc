/**
 * Training with noise (Make Some Noise, arXiv 2406.17404). A {@link dev.jangle.train.Trainer} is a
 * run: it shows an example.
 *
 * <p>The way of a line of a data file: {@link dev.jangle.train.DataSet} reads it as an {@link
 * dev.jangle.train.Example}, {@link dev.jangle.train.SampleEncoder} turns that into the tokens of a
 * {@link dev.jangle.train.Sample}, a {@link dev.jangle.train.NoiseStrategy} replaces some of its
 * inputs, and {@link dev.jangle.train.Batches} packs what comes out into rows of fixed length.
 *
 * <p>What training is for is measured by {@link dev.jangle.train.Evaluation}. {@link
 * dev.jangle.train.Distillation} makes data of the model's own answers.
 */
package dev.jangle.train;
