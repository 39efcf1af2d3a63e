package config

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/weir-kafka/weir/consumer"
)

// check finds contradictions between keys, and fills f from its document.
func (d *decoder) check(f *File, root *yaml.Node) {
	doc := &f.doc
	d.checkKafka(root, &doc.Kafka)
	d.checkTimes(f, root)
	if doc.Memory < leastMemory && valueAt(root, "memory") != nil && !d.failedAt("memory") {
		d.failAt(root, "memory", fmt.Sprintf("%s is too little to move a batch of 1 MiB", doc.Memory), fmt.Sprintf("give at least %s", consumer.Bytes(leastMemory)))
	}
	if doc.Failure.Attempts < 1 && !d.failedAt("failure.attempts") {
		d.failAt(root, "failure.attempts", fmt.Sprintf("%d is less than 1", doc.Failure.Attempts), "a record is tried at least once")
	}
	if r := doc.Failure.DeadLetterRatio; !(r > 0 && r <= 1) && !d.failedAt("failure.dead_letter_ratio") {
		d.failAt(root, "failure.dead_letter_ratio", fmt.Sprintf("%v is not above 0 and up to 1", r), "give a share such as 0.9, or 1 for no limit")
	}
	d.checkTopics(f, root)
	d.oneOf(root, "log.level", doc.Log.Level, "debug", "info", "warn", "error")
	d.oneOf(root, "log.format", doc.Log.Format, "text", "json")
	if doc.Admin.Listen != "off" {
		if why := address(doc.Admin.Listen, 0); why != "" {
			d.failAt(root, "admin.listen", fmt.Sprintf("%q %s", doc.Admin.Listen, why), "write host:port, such as 127.0.0.1:9644, or off")
		}
	}
	f.Admin, f.Log = doc.Admin, doc.Log
	f.Consumer = consumer.Config{
		Name: doc.Name, Kafka: doc.Kafka, Order: doc.Order, Memory: doc.Memory, Attempts: doc.Failure.Attempts, DeadLetterRatio: doc.Failure.DeadLetterRatio, Drain: doc.Drain, HandlerTimeout: doc.HandlerTimeout,
	}
	if f.Consumer.Name == "" {
		f.Consumer.Name = doc.Kafka.Group
	}
}

const leastMemory = 16 << 20

// failAt reports a problem at the key that path names, or at the nearest that
// is there.
func (d *decoder) failAt(root *yaml.Node, path, text, mend string) {
	keys := strings.Split(path, ".")
	n := root
	for i := len(keys); i > 0; i-- {
		if at := valueAt(root, keys[:i]...); at != nil {
			n = at
			break
		}
	}
	d.fail(n, path, text, mend)
}

// failedAt reports whether a problem is known at path or below, so that one
// mistake makes one line.
func (d *decoder) failedAt(path string) bool {
	return slices.ContainsFunc(d.problems, func(p Problem) bool {
		return p.Path == path || strings.HasPrefix(p.Path, path+"[") || strings.HasPrefix(p.Path, path+".")
	})
}

func (d *decoder) oneOf(root *yaml.Node, path, got string, known ...string) {
	if !slices.Contains(known, got) && !d.failedAt(path) {
		d.failAt(root, path, fmt.Sprintf("%q is not one of %s", got, list(known)), "")
	}
}

func (d *decoder) checkKafka(root *yaml.Node, k *consumer.KafkaConfig) {
	missing := func(empty bool, path, mend string) {
		if empty && !d.failedAt(path) {
			d.failAt(root, path, "is missing", mend)
		}
	}
	missing(len(k.Brokers) == 0, "kafka.brokers", "name at least one, as in [127.0.0.1:9092]")
	missing(k.Group == "", "kafka.group", "name the consumer group")
	missing(len(k.Topics) == 0 && k.Pattern == "", "kafka.topics", "name topics, or a pattern")
	if len(k.Topics) > 0 && k.Pattern != "" {
		d.failAt(root, "kafka.pattern", "stands beside kafka.topics", "keep one of them")
	}
	for i, b := range k.Brokers {
		why := address(b, 1)
		if strings.HasPrefix(b, ":") {
			why = "has no host"
		}
		if why != "" {
			d.failAt(root, fmt.Sprintf("kafka.brokers[%d]", i), fmt.Sprintf("%q %s", b, why), "write host:port, such as 127.0.0.1:9092")
		}
	}
	for i, t := range k.Topics {
		path := fmt.Sprintf("kafka.topics[%d]", i)
		switch {
		case !topicName.MatchString(t):
			d.failAt(root, path, fmt.Sprintf("%q is not a name of a topic", t), "use letters, digits, dots, underscores and hyphens, 249 at most; several topics need kafka.pattern")
		case slices.Index(k.Topics, t) < i:
			d.failAt(root, path, fmt.Sprintf("%q stands twice", t), "keep one")
		}
	}
	if _, err := regexp.Compile(k.Pattern); err != nil {
		d.failAt(root, "kafka.pattern", err.Error(), "write a Go regular expression, as in '^orders\\..*'")
	}
	if k.Start != "earliest" && k.Start != "latest" {
		if _, err := time.Parse(time.RFC3339, k.Start); err != nil && !d.failedAt("kafka.start") {
			d.failAt(root, "kafka.start", fmt.Sprintf("%q is not earliest, latest or an RFC 3339 time", k.Start), "write a time as 2026-01-31T12:00:00Z")
		}
	}
	d.checkSASL(root, k.SASL)
	d.checkTLS(root, k)
}

// topicName is what Kafka allows (org.apache.kafka.common.internals.Topic).
var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// address returns what is wrong with host:port, "" if nothing is.
func address(s string, leastPort int) string {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return "is not an address"
	}
	if n, err := strconv.Atoi(port); err != nil || n < leastPort || n > 65535 {
		return fmt.Sprintf("has no port from %d to 65535", leastPort)
	}
	return ""
}

func (d *decoder) checkSASL(root *yaml.Node, s *consumer.SASLConfig) {
	if s == nil {
		return
	}
	known := []string{"plain", "scram-sha-256", "scram-sha-512", "oauthbearer"}
	mechanism := strings.ToLower(s.Mechanism)
	need := func(key string, empty bool) {
		if empty {
			d.failAt(root, "kafka.sasl."+key, "is missing", mechanism+" needs it")
		}
	}
	unused := func(key string, empty bool) {
		if !empty {
			d.failAt(root, "kafka.sasl."+key, "is not used by "+mechanism, "leave it out, or choose another mechanism")
		}
	}
	switch {
	case mechanism == "":
		d.failAt(root, "kafka.sasl.mechanism", "is missing", "name one of "+list(known))
	case !slices.Contains(known, mechanism):
		d.failAt(root, "kafka.sasl.mechanism", fmt.Sprintf("%q is not one of %s", s.Mechanism, list(known)), hint(mechanism, known))
	case mechanism == "oauthbearer":
		need("token", s.Token == "")
		unused("username", s.Username == "")
		unused("password", s.Password == "")
	default:
		need("username", s.Username == "")
		need("password", s.Password == "")
		unused("token", s.Token == "")
	}
}

// checkTLS also reads the files, as the client will.
func (d *decoder) checkTLS(root *yaml.Node, k *consumer.KafkaConfig) {
	t := k.TLS
	if t == nil {
		return
	}
	before := len(d.problems)
	for _, f := range []struct{ path, file string }{{"kafka.tls.ca", t.CA}, {"kafka.tls.cert", t.Cert}, {"kafka.tls.key", t.Key}} {
		if _, err := os.Stat(f.file); f.file != "" && err != nil {
			d.failAt(root, f.path, fmt.Sprintf("%s: %s", f.file, reason(err)), "")
		}
	}
	if (t.Cert == "") != (t.Key == "") {
		d.failAt(root, "kafka.tls", "has only one of cert and key", "give both or neither")
	}
	if len(d.problems) > before {
		return
	}
	if _, err := (consumer.KafkaConfig{TLS: t}).ClientOptions(); err != nil {
		d.failAt(root, "kafka.tls", strings.TrimPrefix(err.Error(), "kafka.tls."), "")
	}
}

func (d *decoder) checkTimes(f *File, root *yaml.Node) {
	doc := &f.doc
	if half := doc.Kafka.RebalanceTimeout / 2; doc.Drain > half && !d.failedAt("drain") {
		d.failAt(root, "drain", fmt.Sprintf("%s is more than half of kafka.rebalance_timeout (%s), so the group would not wait for it", doc.Drain, doc.Kafka.RebalanceTimeout),
			fmt.Sprintf("give at most %s, or a longer kafka.rebalance_timeout", half))
	}
	for _, u := range f.uses() {
		if u.way.Timeout > doc.Drain && !d.failedAt(join(u.at.path, "timeout")) {
			d.failAt(root, join(u.at.path, "timeout"), fmt.Sprintf("%s is longer than drain (%s), so a shutdown would cut writes off", u.way.Timeout, doc.Drain), "make it shorter than drain")
		}
	}
}

// checkTopics checks the names of the topics that sinks produce to, and refuses
// a circle: dead letters that are consumed again.
func (d *decoder) checkTopics(f *File, root *yaml.Node) {
	for _, u := range f.uses() {
		topic := u.topicOn()
		path := join(u.at.path, "kafka.topic")
		switch {
		case topic == "": // the sink itself asks for one
		case !topicName.MatchString(topic):
			d.failAt(root, path, fmt.Sprintf("%q is not a name of a topic", topic), "use letters, digits, dots, underscores and hyphens, 249 at most")
		case u == f.deadLetter && f.doc.consumes(topic):
			d.failAt(root, path, fmt.Sprintf("%q is also consumed, so a dead letter would come back for ever", topic), "give dead letters a topic of their own")
		}
	}
}

// topicOn returns the topic that a sink produces to on the cluster that the
// pipeline reads from, "" if it does not.
func (u *sinkUse) topicOn() string {
	if u == nil || u.kind != "kafka" {
		return ""
	}
	v := reflect.ValueOf(u.cfg)
	if v.Kind() != reflect.Struct {
		return ""
	}
	if brokers := v.FieldByName("Brokers"); brokers.IsValid() && !brokers.IsZero() {
		return ""
	}
	if f := v.FieldByName("Topic"); f.IsValid() && f.Kind() == reflect.String {
		return f.String()
	}
	return ""
}

// consumes reports whether the pipeline reads from topic.
func (k *document) consumes(topic string) bool {
	if slices.Contains(k.Kafka.Topics, topic) {
		return true
	}
	re, err := regexp.Compile(k.Kafka.Pattern)
	return err == nil && k.Kafka.Pattern != "" && re.MatchString(topic)
}

func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

func list(names []string) string { return strings.Join(names, ", ") }
