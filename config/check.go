package config

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"slices"
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
	d.checkDeadLetter(f, root)
	d.oneOf(root, "log.level", doc.Log.Level, "debug", "info", "warn", "error")
	d.oneOf(root, "log.format", doc.Log.Format, "text", "json")
	if doc.Admin.Listen != "off" {
		if _, _, err := net.SplitHostPort(doc.Admin.Listen); err != nil {
			d.failAt(root, "admin.listen", fmt.Sprintf("%q is not an address", doc.Admin.Listen), "write host:port, such as 127.0.0.1:9644, or off")
		}
	}
	f.Admin, f.Log = doc.Admin, doc.Log
	f.Consumer = consumer.Config{
		Name: doc.Name, Kafka: doc.Kafka, Order: doc.Order, Memory: doc.Memory, Attempts: doc.Failure.Attempts, Drain: doc.Drain,
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
	return slices.ContainsFunc(d.problems, func(p Problem) bool { return p.Path == path || strings.HasPrefix(p.Path, path+"[") })
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
		if _, _, err := net.SplitHostPort(b); err != nil {
			d.failAt(root, "kafka.brokers", fmt.Sprintf("%q (number %d) is not an address", b, i+1), "write host:port, such as 127.0.0.1:9092")
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
	if s := k.SASL; s != nil {
		known := []string{"plain", "scram-sha-256", "scram-sha-512", "oauthbearer"}
		if !slices.Contains(known, strings.ToLower(s.Mechanism)) {
			d.failAt(root, "kafka.sasl.mechanism", fmt.Sprintf("%q is not one of %s", s.Mechanism, list(known)), "")
		}
	}
	if t := k.TLS; t != nil {
		for path, file := range map[string]string{"kafka.tls.ca": t.CA, "kafka.tls.cert": t.Cert, "kafka.tls.key": t.Key} {
			if _, err := os.Stat(file); file != "" && err != nil {
				d.failAt(root, path, fmt.Sprintf("%s: %s", file, reason(err)), "")
			}
		}
		if (t.Cert == "") != (t.Key == "") {
			d.failAt(root, "kafka.tls", "has only one of cert and key", "give both or neither")
		}
	}
}

func (d *decoder) checkTimes(f *File, root *yaml.Node) {
	doc := &f.doc
	if half := doc.Kafka.RebalanceTimeout / 2; doc.Drain > half && !d.failedAt("drain") {
		d.failAt(root, "drain", fmt.Sprintf("%s is more than half of kafka.rebalance_timeout (%s), so the group would not wait for it", doc.Drain, doc.Kafka.RebalanceTimeout),
			fmt.Sprintf("give at most %s, or a longer kafka.rebalance_timeout", half))
	}
	uses := []*sinkUse{f.sink, f.deadLetter}
	for _, u := range f.sinks {
		uses = append(uses, u)
	}
	for _, u := range uses {
		if u != nil && u.way.Timeout > doc.Drain && !d.failedAt(join(u.at.path, "timeout")) {
			d.failAt(root, join(u.at.path, "timeout"), fmt.Sprintf("%s is longer than drain (%s), so a shutdown would cut writes off", u.way.Timeout, doc.Drain), "make it shorter than drain")
		}
	}
}

// checkDeadLetter refuses a circle: dead letters that are consumed again.
func (d *decoder) checkDeadLetter(f *File, root *yaml.Node) {
	topic := f.DeadLetterTopic()
	if topic == "" {
		return
	}
	k := f.doc.Kafka
	circle := slices.Contains(k.Topics, topic)
	if re, err := regexp.Compile(k.Pattern); err == nil && k.Pattern != "" {
		circle = circle || re.MatchString(topic)
	}
	if circle {
		d.failAt(root, "failure.dead_letter.kafka.topic", fmt.Sprintf("%q is also consumed, so a dead letter would come back for ever", topic), "give dead letters a topic of their own")
	}
}

// topicOf returns the Topic field of a part's config, if it has one.
func topicOf(cfg any) string {
	v := reflect.ValueOf(cfg)
	if v.Kind() != reflect.Struct {
		return ""
	}
	if f := v.FieldByName("Topic"); f.IsValid() && f.Kind() == reflect.String {
		return f.String()
	}
	return ""
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
