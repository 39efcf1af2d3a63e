package kafkatest

import (
	"maps"
	"strconv"
	"strings"
)

// An Option changes how a cluster is started.
type Option func(*options)

type options struct {
	nodes  int
	env    map[string]string
	files  map[string][]byte
	secure string
}

// WithNodes sets the number of nodes, each a broker and a controller: 1, the
// default, or 3.
func WithNodes(n int) Option { return func(o *options) { o.nodes = n } }

// WithEnv adds to the environment of every node. KAFKA_A_B sets the property a.b.
func WithEnv(env map[string]string) Option {
	return func(o *options) { maps.Copy(o.env, env) }
}

// WithFile puts a file into every node before it starts.
func WithFile(path string, content []byte) Option {
	return func(o *options) { o.files[path] = content }
}

// WithSecureListener adds a second listener for clients, named SECURE, with a
// protocol of Kafka: SSL, SASL_PLAINTEXT or SASL_SSL. [Cluster.SecureAddrs] has its
// addresses. The first listener stays open, so that a test can set up users.
func WithSecureListener(protocol string) Option {
	return func(o *options) { o.secure = protocol }
}

// environment is the same for all nodes. It is small and quick: dead nodes are
// noticed within seconds, groups form at once, and members may have sessions of a
// second.
func (o *options) environment() map[string]string {
	factor, inSync := strconv.Itoa(min(o.nodes, 3)), strconv.Itoa(max(1, min(o.nodes, 3)-1))
	var voters []string
	for i := range o.nodes {
		voters = append(voters, strconv.Itoa(i+1)+"@"+hostname(i+1)+":9093")
	}
	env := map[string]string{
		"CLUSTER_ID":                                     "5L6g3nShT-eMCtK--X86sw",
		"KAFKA_PROCESS_ROLES":                            "broker,controller",
		"KAFKA_CONTROLLER_QUORUM_VOTERS":                 strings.Join(voters, ","),
		"KAFKA_CONTROLLER_LISTENER_NAMES":                "CONTROLLER",
		"KAFKA_INTER_BROKER_LISTENER_NAME":               "BROKER",
		"KAFKA_LISTENER_SECURITY_PROTOCOL_MAP":           "CONTROLLER:PLAINTEXT,BROKER:PLAINTEXT,HOST:PLAINTEXT",
		"KAFKA_LISTENERS":                                "CONTROLLER://:9093,BROKER://:19092,HOST://:9092",
		"KAFKA_DEFAULT_REPLICATION_FACTOR":               factor,
		"KAFKA_MIN_INSYNC_REPLICAS":                      inSync,
		"KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR":         factor,
		"KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS":             "6",
		"KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": factor,
		"KAFKA_TRANSACTION_STATE_LOG_MIN_ISR":            inSync,
		"KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS":     "4",
		"KAFKA_LOG_DIRS":                                 "/tmp/kafka-logs",
		"KAFKA_AUTO_CREATE_TOPICS_ENABLE":                "false",
		"KAFKA_LOG_CLEANER_DEDUPE_BUFFER_SIZE":           "8388608",
		"KAFKA_LOG_CLEANER_BACKOFF_MS":                   "500",

		// A killed node may register again only when its old session has ended.
		"KAFKA_BROKER_HEARTBEAT_INTERVAL_MS":          "500",
		"KAFKA_BROKER_SESSION_TIMEOUT_MS":             "3000",
		"KAFKA_CONTROLLER_QUORUM_ELECTION_TIMEOUT_MS": "500",
		"KAFKA_CONTROLLER_QUORUM_FETCH_TIMEOUT_MS":    "1000",

		"KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS":         "0",
		"KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS":             "1000",
		"KAFKA_GROUP_CONSUMER_MIN_SESSION_TIMEOUT_MS":    "1000",
		"KAFKA_GROUP_CONSUMER_MIN_HEARTBEAT_INTERVAL_MS": "200",
		"KAFKA_GROUP_CONSUMER_HEARTBEAT_INTERVAL_MS":     "500",
		"KAFKA_GROUP_CONSUMER_SESSION_TIMEOUT_MS":        "10000",

		"KAFKA_HEAP_OPTS":            "-Xms256m -Xmx256m",
		"KAFKA_JVM_PERFORMANCE_OPTS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
	}
	if o.secure != "" {
		env["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"] += ",SECURE:" + o.secure
		env["KAFKA_LISTENERS"] += ",SECURE://:9094"
	}
	maps.Copy(env, o.env)
	return env
}

// hostname is the name of a node in the network of its cluster.
func hostname(id int) string { return "kafka-" + strconv.Itoa(id) }
