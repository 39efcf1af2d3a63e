// Package kafkatest runs a real Apache Kafka of one or three nodes for a test, in
// containers, and breaks it: nodes are killed, stopped, paused and brought back.
//
// It takes the official image apache/kafka, or the one that KAFKA_IMAGE names. A
// test is skipped on a machine without a container engine; with
// WEIR_CONTAINERS=must it fails instead.
//
// It is for faults, not for benchmarks: mapped ports pass a proxy of the engine.
package kafkatest
