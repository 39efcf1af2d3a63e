package consumer

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// fetchWait bounds how long a broker holds a fetch without data, and with it how
// long a resumed partition waits for its first record while others are idle.
const fetchWait = 250 * time.Millisecond

// clientOptions configures the client. Its callbacks are all set: with lost
// unset, revoked is not called on fatal errors either.
func (c *Consumer) clientOptions() ([]kgo.Opt, error) {
	k := &c.cfg.Kafka
	opts, err := k.ClientOptions()
	if err != nil {
		return nil, err
	}
	start, err := startOffset(k.Start)
	if err != nil {
		return nil, err
	}
	fetch := c.firstFetch()
	opts = append(opts,
		kgo.ConsumerGroup(k.Group),
		kgo.DisableAutoCommit(),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.OnPartitionsAssigned(c.assigned),
		kgo.OnPartitionsRevoked(c.revoked),
		kgo.OnPartitionsLost(c.lost),
		kgo.OnOffsetsFetched(c.fetched),
		kgo.AdjustFetchOffsetsFn(c.begins),
		kgo.RebalanceTimeout(k.RebalanceTimeout),
		kgo.SessionTimeout(k.SessionTimeout),
		// A proxy or a load balancer in front of a broker that is down accepts a connection and
		// ends it. Without this the client takes that for a wrong configuration, and loses the group.
		kgo.AlwaysRetryEOF(),
		kgo.HeartbeatInterval(min(3*time.Second, k.SessionTimeout/3)),
		kgo.ConsumeStartOffset(start),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // passed over in push: else the commit stops before them, and the lag never ends
		kgo.FetchMaxWait(fetchWait),
		kgo.FetchMaxBytes(fetch),
		kgo.FetchMaxPartitionBytes(min(fetch, 1<<20)),
		kgo.MaxDecompressBatchBytes(int(c.largestBatch())),
		kgo.WithLogger(&clientLog{log: c.log, now: c.now}),
		kgo.WithHooks(&c.fetches, &c.watchdog),
		kgo.WithPools(&c.slabs),
	)
	if k.Protocol == ProtocolConsumer {
		opts = append(opts, kgo.ServerSideBalancer())
	}
	if k.InstanceID != "" {
		opts = append(opts, kgo.InstanceID(k.InstanceID))
	}
	if k.Pattern != "" {
		opts = append(opts, kgo.ConsumeRegex(), kgo.ConsumeTopics(k.Pattern))
	} else {
		opts = append(opts, kgo.ConsumeTopics(k.Topics...))
	}
	return append(opts, c.clientOpts...), nil
}

func startOffset(s string) (kgo.Offset, error) {
	switch s {
	case "", "earliest":
		return kgo.NewOffset().AtStart(), nil
	case "latest":
		return kgo.NewOffset().AtEnd(), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return kgo.Offset{}, fmt.Errorf("kafka.start: %q is not earliest, latest or an RFC 3339 time such as 2026-01-31T12:00:00Z", s)
	}
	return kgo.NewOffset().AfterMilli(t.UnixMilli()), nil
}

// ClientOptions returns the kgo options that reach the cluster: brokers, TLS and
// SASL. It reads the certificate files.
func (k KafkaConfig) ClientOptions() ([]kgo.Opt, error) {
	opts := append([]kgo.Opt{kgo.SeedBrokers(k.Brokers...)}, crashOptions()...)
	if k.TLS != nil {
		conf, err := k.TLS.load()
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.DialTLSConfig(conf))
	}
	if k.SASL != nil {
		m, err := k.SASL.mechanism()
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.SASL(m))
	}
	return opts, nil
}

func (t *TLSConfig) load() (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("kafka.tls.ca: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("kafka.tls.ca: %s holds no PEM certificate", t.CA)
		}
	}
	if t.Cert != "" || t.Key != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("kafka.tls.cert and kafka.tls.key: %w", err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}

func (s *SASLConfig) mechanism() (sasl.Mechanism, error) {
	switch strings.ToUpper(s.Mechanism) {
	case "PLAIN":
		return plain.Auth{User: s.Username, Pass: s.Password.Reveal()}.AsMechanism(), nil
	case "SCRAM-SHA-256":
		return scram.Auth{User: s.Username, Pass: s.Password.Reveal()}.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return scram.Auth{User: s.Username, Pass: s.Password.Reveal()}.AsSha512Mechanism(), nil
	case "OAUTHBEARER":
		return oauth.Auth{Token: s.Token.Reveal()}.AsMechanism(), nil
	}
	return nil, fmt.Errorf("kafka.sasl.mechanism: %q is not plain, scram-sha-256, scram-sha-512 or oauthbearer", s.Mechanism)
}

// validPattern checks kafka.pattern before a client would panic on it.
func validPattern(p string) error {
	if _, err := regexp.Compile(p); err != nil {
		return fmt.Errorf("kafka.pattern: %w", err)
	}
	return nil
}
