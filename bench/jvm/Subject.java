import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.management.OperatingSystemMXBean;
import io.confluent.parallelconsumer.ParallelConsumerOptions;
import io.confluent.parallelconsumer.ParallelConsumerOptions.ProcessingOrder;
import io.confluent.parallelconsumer.ParallelStreamProcessor;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.atomic.LongAdder;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * A subject of the benchmark: it consumes as its only argument says, answers each line of its input with what it has
 * done so far, and ends with its input.
 */
public final class Subject {
    /** What the harness asks for; what only others know is ignored. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    public record Spec(String Peer, List<String> Brokers, String Topic, String Group, Map<String, String> Set, long Handler, int InFlight) {}

    private static final Duration COMMIT_INTERVAL = Duration.ofSeconds(1);
    private static final int FETCH_BYTES = 1 << 20;

    private final LongAdder records = new LongAdder();
    private final LongAdder bytes = new LongAdder();
    private final Spec spec;

    private Subject(Spec spec) {
        this.spec = spec;
    }

    public static void main(String[] args) throws Exception {
        Subject subject = new Subject(new ObjectMapper().readValue(args[0], Spec.class));
        AutoCloseable consumer = subject.start();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        while (in.readLine() != null) {
            System.out.println(subject.moment());
        }
        consumer.close();
        System.exit(0);
    }

    /** One line of JSON. A JVM does not count objects cheaply, so their numbers are left out. */
    private String moment() {
        long cpu = ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
        return "{\"At\":\"" + Instant.now() + "\",\"Records\":" + records.sum() + ",\"Bytes\":" + bytes.sum() + ",\"CPU\":" + cpu + "}";
    }

    private AutoCloseable start() {
        return switch (spec.Peer) {
            case "java" -> loop();
            case "parallel-consumer" -> parallel();
            default -> throw new IllegalArgumentException("peer " + spec.Peer + " is neither java nor parallel-consumer");
        };
    }

    private KafkaConsumer<byte[], byte[]> consumer(boolean commits) {
        Properties p = new Properties();
        p.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, spec.Brokers);
        p.put(ConsumerConfig.GROUP_ID_CONFIG, spec.Group);
        p.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        p.put(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, FETCH_BYTES);
        p.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, commits);
        p.put(ConsumerConfig.AUTO_COMMIT_INTERVAL_MS_CONFIG, (int) COMMIT_INTERVAL.toMillis());
        return new KafkaConsumer<>(p, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    /** The loop of the client's documentation: poll, look at each record, and the client commits. */
    private AutoCloseable loop() {
        KafkaConsumer<byte[], byte[]> c = consumer(true);
        c.subscribe(List.of(spec.Topic));
        Thread t = new Thread(() -> {
            try (c) {
                while (!Thread.interrupted()) {
                    int n = 0;
                    long sum = 0;
                    for (ConsumerRecord<byte[], byte[]> r : c.poll(Duration.ofMillis(100))) {
                        n++;
                        sum += r.value().length;
                    }
                    records.add(n);
                    bytes.add(sum);
                }
            } catch (org.apache.kafka.common.errors.InterruptException e) {
                // The end of the input.
            } catch (RuntimeException e) {
                e.printStackTrace();
                System.exit(1);
            }
        });
        t.start();
        return () -> {
            t.interrupt();
            t.join();
        };
    }

    /** Confluent's parallel-consumer in key order, with its defaults but for the interval of commits and, where InFlight says so, its concurrency. */
    private AutoCloseable parallel() {
        var options = ParallelConsumerOptions.<byte[], byte[]>builder()
                .consumer(consumer(false)).ordering(ProcessingOrder.KEY).commitInterval(COMMIT_INTERVAL);
        if (spec.InFlight > 0) {
            options.maxConcurrency(spec.InFlight);
        }
        var processor = ParallelStreamProcessor.createEosStreamProcessor(options.build());
        processor.subscribe(List.of(spec.Topic));
        processor.poll(context -> {
            if (spec.Handler > 0) {
                sleep(Duration.ofNanos(spec.Handler));
            }
            records.increment();
            bytes.add(context.value().length);
        });
        return processor::closeDontDrainFirst;
    }

    private static void sleep(Duration d) {
        try {
            Thread.sleep(d.toMillis());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }
}
