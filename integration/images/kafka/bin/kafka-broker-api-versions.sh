#!/bin/sh
# What a healthcheck runs: it ends with 0 when the broker answers.
exec java -Xmx64m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp '/opt/kafka/tools-libs/*' \
  org.apache.kafka.tools.BrokerApiVersionsCommand "$@"
