package consumer

import (
	"maps"
	"slices"
	"time"

	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
)

// Config is what a file can say about a consumer. [DefaultConfig] holds the
// defaults; a zero duration, size or count means the default too. The doc tags
// are the generated reference and the yaml tags its spelling.
type Config struct {
	Name   string       `yaml:"name" doc:"Names the pipeline in logs and metrics. Defaults to the group."`
	Kafka  KafkaConfig  `yaml:"kafka" doc:"Where records come from."`
	Order  Order        `yaml:"order" doc:"What stays in order: key (records of one key), partition (all records of a partition) or none."`
	Tenant TenantConfig `yaml:"tenant" doc:"Shares the work among tenants."`
	Memory Bytes        `yaml:"memory" doc:"Budget for everything taken from Kafka and not yet finished, client buffers included. Fetching stops before it is exceeded. A compressed batch of records that decompresses to more than a quarter of it stops its partition, and the others go on: the log and weir explain say at which offset."`
	// Failure.DeadLetter is a live thing and stands in the Pipeline.
	Attempts int `yaml:"-" doc:"How often a record is tried before it goes to the dead letters."`
	// DeadLetterRatio is above 0 and up to 1, which is no limit. While the handler or a sink has
	// rejected a larger share of its last 1,000 records, those that are rejected wait with their keys;
	// after 30 s of that the consumer ends with a [DeadLetterRatioError].
	DeadLetterRatio float64 `yaml:"-" doc:"Share of the last 1,000 records that may be rejected."`
	// HandlerTimeout bounds one call of the handler; a call that fails because of it is
	// tried again, and counts as an attempt.
	HandlerTimeout time.Duration `yaml:"handler_timeout" doc:"How long one call of the handler may take. One that fails because of it is tried again, up to failure.attempts."`
	Drain          time.Duration `yaml:"drain" doc:"How long a revoked partition or a shutdown waits for what is in flight. At most half of kafka.rebalance_timeout."`
}

// KafkaConfig says which cluster, group and topics.
type KafkaConfig struct {
	Brokers          []string      `yaml:"brokers" doc:"Seed brokers as host:port."`
	Group            string        `yaml:"group" doc:"Consumer group."`
	Topics           []string      `yaml:"topics" doc:"Topics to consume. Either topics or pattern."`
	Pattern          string        `yaml:"pattern" doc:"Regular expression for topics to consume, matched against the whole metadata again and again."`
	Protocol         Protocol      `yaml:"protocol" doc:"Group protocol: classic, consumer (KIP-848) or auto, which takes the safest for the cluster (classic today)."`
	Start            string        `yaml:"start" doc:"Where a group without a commit begins: earliest, latest or an RFC 3339 time. It is committed at once, so it is decided once for each partition."`
	InstanceID       string        `yaml:"instance_id" doc:"Static membership: a name unique in the group that is kept over restarts."`
	RebalanceTimeout time.Duration `yaml:"rebalance_timeout" doc:"How long a member may take to give partitions back."`
	SessionTimeout   time.Duration `yaml:"session_timeout" doc:"How long a member may be silent before it is taken for dead, and how long it works without an answer of the coordinator. With protocol consumer the broker decides when it is dead: say here what it has."`
	CommitInterval   time.Duration `yaml:"commit_interval" doc:"How often progress is committed while there is any. What became done since then a kill repeats."`
	TLS              *TLSConfig    `yaml:"tls" doc:"Encrypts the connection. An empty mapping uses the system's roots."`
	SASL             *SASLConfig   `yaml:"sasl" doc:"Authenticates the connection."`
}

// TLSConfig names PEM files.
type TLSConfig struct {
	CA         string `yaml:"ca" doc:"File with the authorities to trust. Defaults to the system's."`
	Cert       string `yaml:"cert" doc:"File with the client certificate."`
	Key        string `yaml:"key" doc:"File with the client key."`
	ServerName string `yaml:"server_name" doc:"Name to expect in the broker's certificate. Defaults to its host."`
}

// SASLConfig is one mechanism with its credentials.
type SASLConfig struct {
	Mechanism string      `yaml:"mechanism" doc:"plain, scram-sha-256, scram-sha-512 or oauthbearer."`
	Username  string      `yaml:"username" doc:"User name."`
	Password  sink.Secret `yaml:"password" doc:"Password. Give it as ${VAR} or ${file:/path}."`
	Token     sink.Secret `yaml:"token" doc:"Token of OAUTHBEARER. Give it as ${VAR} or ${file:/path}."`
}

// SinkConfig is what a file can say about the way to any sink.
type SinkConfig struct {
	Limit   LimitConfig   `yaml:"limit" doc:"How many writes may be in flight."`
	Timeout time.Duration `yaml:"timeout" doc:"How long one write may take at most. Once it is known how long they take, a write is given four times the 99th percentile, but a fifth of this and 1s at least, and all of it when it is tried again or larger than any before. One that does not answer in time counts as overload."`
	Rate    Rate          `yaml:"rate" doc:"The most that the sink is given in a second, retries included: messages as in 500/s, or bytes as in 4MiB/s. Without it only the limit bounds it."`
}

// LimitConfig bounds the writes in flight to one sink.
type LimitConfig struct {
	Max   int `yaml:"max" doc:"The most writes in flight that the adaptive limiter may choose. When all fail it makes none for 1 to 1.5 s and then a single one, again and again; once that one succeeds it begins slowly."`
	Fixed int `yaml:"fixed" doc:"A fixed number of writes in flight instead of the adaptive limiter. It gives way only to a Retry-After, and when all writes fail: then as with limit.max."`
	// Shadow needs Fixed.
	Shadow bool `yaml:"shadow" doc:"true: beside limit.fixed, say what the adaptive limiter would do: weir_limit_shadow_calls and weir explain show where it would go next from there. To learn that, up to a fourth of the fixed number is left out every other moment, and half of it for a moment every 25 seconds; and it does not give way when all writes fail."`
}

// Output is a sink and the way to it.
type Output struct {
	Sink sink.Sink
	SinkConfig
}

// Pipeline holds the live things that records pass.
type Pipeline struct {
	// Handler defaults to handlers.Pass.
	Handler handlers.Handler
	// Sink takes messages without a route.
	Sink Output
	// Routes takes messages by Message.Route. A message with an unknown route is rejected.
	Routes map[string]Output
	// DeadLetter takes rejected records. Without one a rejected record stops the consumer,
	// because nothing may be dropped; and with one, when nearly all are: Config.DeadLetterRatio.
	DeadLetter Output
	// Tenant says whose a record is, where neither its key nor a header does. It switches tenants
	// on, as Config.Tenant describes them. It is called by one goroutine before the record waits in
	// its lane, must be quick and keeps nothing of the record. A panic names no tenant.
	Tenant func(*handlers.Record) string
}

// DefaultConfig returns the defaults. Brokers, group and topics have none.
func DefaultConfig() Config {
	return Config{
		Kafka: KafkaConfig{
			Protocol:         ProtocolAuto,
			Start:            "earliest",
			RebalanceTimeout: 60 * time.Second,
			SessionTimeout:   45 * time.Second,
			CommitInterval:   time.Second,
		},
		Order:           OrderKey,
		Memory:          256 << 20,
		Attempts:        5,
		DeadLetterRatio: 0.9,
		Drain:           25 * time.Second,
		HandlerTimeout:  15 * time.Minute,
	}
}

// DefaultSinkConfig returns the defaults of the way to a sink.
func DefaultSinkConfig() SinkConfig {
	return SinkConfig{Limit: LimitConfig{Max: 256}, Timeout: 5 * time.Second}
}

// Outputs returns every output of the pipeline that has a sink.
func (p Pipeline) Outputs() []Output {
	var all []Output
	for _, o := range append([]Output{p.Sink, p.DeadLetter}, slices.Collect(maps.Values(p.Routes))...) {
		if o.Sink != nil {
			all = append(all, o)
		}
	}
	return all
}
