package config

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
)

// File is a pipeline as a file says it, checked.
type File struct {
	Consumer consumer.Config
	Admin    Admin
	Log      Log

	path       string
	doc        document
	handlers   []handlerUse
	sink       *sinkUse
	sinks      map[string]*sinkUse
	deadLetter *sinkUse
	tenant     func(*handlers.Record) string // of an expression
	mask       *mask
	open       []place // secrets that stand in the file
	mistakes   []Problem
}

// Admin is the listener for metrics, health and explain.
type Admin struct {
	Listen string `yaml:"listen" doc:"Address of the admin listener: /metrics, /livez, /readyz, /explain. Port 0 takes a free one; off switches it off."`
}

// Log says what is logged and how.
type Log struct {
	Level  string `yaml:"level" doc:"debug, info, warn or error."`
	Format string `yaml:"format" doc:"text or json."`
}

// failure is what becomes of records that fail.
type failure struct {
	Attempts        int     `yaml:"attempts" doc:"How often a record is tried before it goes to the dead letters."`
	DeadLetterRatio float64 `yaml:"dead_letter_ratio" doc:"Share of the last 1,000 records that the handlers, or a sink, may reject. When it is more, it is hardly the records that are wrong: they wait, and after 30 s the pipeline stops instead of emptying the topic into the dead letters. What waits is not committed. Each start counts anew. 1 is no limit."`
	DeadLetter      node    `yaml:"dead_letter" doc:"Sink for rejected records: one kind, as in sink. Without one a rejected record stops the pipeline."`
}

// document is the whole file, in the order in which the reference shows it.
type document struct {
	Name           string                `yaml:"name" doc:"Names the pipeline in logs and metrics. Defaults to the group."`
	Kafka          consumer.KafkaConfig  `yaml:"kafka" doc:"Where records come from."`
	Order          consumer.Order        `yaml:"order" doc:"What stays in order: key (records of one key), partition (all records of a partition) or none."`
	Tenant         consumer.TenantConfig `yaml:"tenant" doc:"Shares the work among tenants."`
	Memory         consumer.Bytes        `yaml:"memory" doc:"Budget for everything taken from Kafka and not yet finished, client buffers included. Fetching stops before it is exceeded. A compressed batch of records that decompresses to more than a quarter of it stops its partition, and the others go on: the log and weir explain say at which offset."`
	Handlers       []node                `yaml:"handlers" doc:"What a record passes, in order: one kind each. Without any the record is the message."`
	Sink           node                  `yaml:"sink" doc:"Where messages go: one kind, and limit, timeout and rate."`
	Sinks          map[string]node       `yaml:"sinks" doc:"Further sinks by name, for messages with that route."`
	Failure        failure               `yaml:"failure" doc:"What becomes of records that fail."`
	HandlerTimeout time.Duration         `yaml:"handler_timeout" doc:"How long one call of the handler may take. One that fails because of it is tried again, up to failure.attempts."`
	Drain          time.Duration         `yaml:"drain" doc:"How long a revoked partition or a shutdown waits for what is in flight. At most half of kafka.rebalance_timeout."`
	Admin          Admin                 `yaml:"admin" doc:"Listener for metrics, health and explain."`
	Log            Log                   `yaml:"log" doc:"What is logged."`
}

// defaults returns a document before any layer.
func defaults() document {
	c := consumer.DefaultConfig()
	return document{
		Kafka: c.Kafka, Order: c.Order, Memory: c.Memory, Drain: c.Drain, HandlerTimeout: c.HandlerTimeout, Failure: failure{Attempts: c.Attempts, DeadLetterRatio: c.DeadLetterRatio},
		Admin: Admin{Listen: "127.0.0.1:9644"}, Log: Log{Level: "info", Format: "text"},
	}
}

// handlerUse is one handler of the pipeline.
type handlerUse struct {
	kind string
	cfg  any
	part HandlerPart
	at   place
}

// sinkUse is one sink of the pipeline.
type sinkUse struct {
	name string
	kind string
	cfg  any
	part SinkPart
	way  consumer.SinkConfig
	at   place
}

// Pipeline builds the handlers and sinks. It connects to nothing. Its errors are
// [Problems] with the place of the part that refused.
func (f *File) Pipeline(log *slog.Logger) (consumer.Pipeline, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	var ps Problems
	p := consumer.Pipeline{Routes: map[string]consumer.Output{}, Tenant: f.tenant}
	var chain []handlers.Middleware
	for _, u := range f.handlers {
		m, err := u.part.build(u.cfg, Env{Name: u.kind, Kafka: f.Consumer.Kafka, Logger: log})
		if err != nil {
			ps = append(ps, u.at.problem(err.Error(), ""))
			continue
		}
		chain = append(chain, m)
	}
	p.Handler = handlers.Chain(handlers.Pass, chain...)
	output := func(u *sinkUse) consumer.Output {
		if u == nil {
			return consumer.Output{}
		}
		s, err := u.part.build(u.cfg, Env{Name: u.name, Kafka: f.Consumer.Kafka, Limit: u.way.Limit, Logger: log})
		if err != nil {
			ps = append(ps, u.at.problem(err.Error(), ""))
			return consumer.Output{}
		}
		return consumer.Output{Sink: s, SinkConfig: u.way}
	}
	p.Sink, p.DeadLetter = output(f.sink), output(f.deadLetter)
	for name, u := range f.sinks {
		p.Routes[name] = output(u)
	}
	if len(ps) > 0 {
		closeAll(p)
		return consumer.Pipeline{}, f.mask.problems(ps.sorted())
	}
	return p, nil
}

// closeAll closes what was built of a pipeline that is not wanted.
func closeAll(p consumer.Pipeline) {
	for _, o := range p.Outputs() {
		if c, ok := o.Sink.(interface{ Close() error }); ok {
			_ = c.Close()
		}
	}
}

// uses returns every sink that the file names.
func (f *File) uses() []*sinkUse {
	var all []*sinkUse
	for _, u := range []*sinkUse{f.sink, f.deadLetter} {
		if u != nil {
			all = append(all, u)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.sinks)) {
		all = append(all, f.sinks[name])
	}
	return all
}

// Topics returns the topics that sinks produce to on the cluster that the
// pipeline reads from, by the path of their sink.
func (f *File) Topics() map[string]string {
	topics := map[string]string{}
	for _, u := range f.uses() {
		if t := u.topicOn(); t != "" {
			topics[u.at.path] = t
		}
	}
	return topics
}

// Mask takes the secrets of the file out of a text.
func (f *File) Mask(text string) string { return f.mask.text(text) }

// Warnings are what is allowed and yet probably not meant.
func (f *File) Warnings() []Problem {
	ps := slices.Clone(f.mistakes)
	warn := func(path, text, mend string) {
		ps = append(ps, Problem{File: f.path, Path: path, Text: text, Mend: mend})
	}
	if f.deadLetter == nil {
		warn("failure.dead_letter", "is not set, so the first record that can not be processed stops the pipeline", "name a sink, such as {kafka: {topic: orders.dead}}")
	}
	if f.Admin.Listen != "off" && !loopback(f.Admin.Listen) {
		warn("admin.listen", "listens beyond this machine without authentication", "use 127.0.0.1 unless the network is trusted")
	}
	f.tenantWarning(warn)
	for _, u := range f.uses() {
		if t := u.topicOn(); t != "" && f.doc.consumes(t) {
			warn(join(u.at.path, "kafka.topic"), fmt.Sprintf("%q is also consumed, so a message comes back as a record", t), "leave it only if a handler ends the circle")
		}
	}
	for _, at := range f.open {
		if strings.HasSuffix(at.path, ".password") || strings.HasSuffix(at.path, ".token") {
			ps = append(ps, at.problem("stands in the file itself", "write ${VAR} or ${file:/path}"))
		}
	}
	return ps
}
