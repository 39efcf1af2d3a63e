package kafkatest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/integration/kafkatest"
	"github.com/weir-kafka/weir/sink"
)

// identity makes a certificate of 127.0.0.1 that is its own authority: PEM of both,
// and of the certificate alone.
func identity(t *testing.T) (keystore, certificate []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kafkatest"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), certificate...), certificate
}

// secured starts a broker with TLS, SASL and ACLs on its second listener.
func secured(t *testing.T) (c *kafkatest.Cluster, ca string) {
	t.Helper()
	keystore, certificate := identity(t)
	c = kafkatest.Start(t, kafkatest.WithSecureListener("SASL_SSL"), kafkatest.WithFile("/mnt/shared/keystore.pem", keystore), kafkatest.WithEnv(map[string]string{
		"KAFKA_LISTENER_NAME_SECURE_SSL_KEYSTORE_TYPE":                  "PEM",
		"KAFKA_LISTENER_NAME_SECURE_SSL_KEYSTORE_LOCATION":              "/mnt/shared/keystore.pem",
		"KAFKA_LISTENER_NAME_SECURE_SASL_ENABLED_MECHANISMS":            "SCRAM-SHA-512,OAUTHBEARER",
		"KAFKA_LISTENER_NAME_SECURE_CONNECTIONS_MAX_REAUTH_MS":          "5000",
		"KAFKA_LISTENER_NAME_SECURE_SCRAM___SHA___512_SASL_JAAS_CONFIG": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
		"KAFKA_LISTENER_NAME_SECURE_OAUTHBEARER_SASL_JAAS_CONFIG":       `org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`,
		"KAFKA_AUTHORIZER_CLASS_NAME":                                   "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"KAFKA_SUPER_USERS":                                             "User:ANONYMOUS",
	}))
	ca = filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(ca, certificate, 0o600))
	rs, err := c.Admin().AlterUserSCRAMs(t.Context(), nil, []kadm.UpsertSCRAM{{User: "weir", Mechanism: kadm.ScramSha512, Iterations: 4096, Password: "secret"}})
	must(t, err)
	must(t, rs["weir"].Err)
	return c, ca
}

// rights are what a member needs.
func (l *lab) rights() *kadm.ACLBuilder {
	return kadm.NewACLs().Topics(l.topic).Groups(l.group).Allow("User:weir").AllowHosts("*").
		Operations(kadm.OpRead, kadm.OpDescribe).ResourcePatternType(kadm.ACLPatternLiteral)
}

func (l *lab) grant() {
	l.Helper()
	rs, err := l.c.Admin().CreateACLs(l.Context(), l.rights())
	must(l.T, err)
	for _, r := range rs {
		must(l.T, r.Err)
	}
}

func (l *lab) withdraw() {
	l.Helper()
	rs, err := l.c.Admin().DeleteACLs(l.Context(), l.rights())
	must(l.T, err)
	for _, r := range rs {
		must(l.T, r.Err)
	}
}

// Rights that are withdrawn under load and given back cost no record, over TLS and
// with SASL whose sessions end every five seconds.
func TestRightsWithdrawnAndGivenBackLoseNothing(t *testing.T) {
	t.Parallel()
	c, ca := secured(t)
	for name, sasl := range map[string]*consumer.SASLConfig{
		"scram":       {Mechanism: "scram-sha-512", Username: "weir", Password: sink.Secret("secret")},
		"oauthbearer": {Mechanism: "oauthbearer", Token: sink.Secret(unsecuredToken("weir"))},
	} {
		for _, protocol := range []consumer.Protocol{consumer.ProtocolClassic, consumer.ProtocolConsumer} {
			t.Run(name+" "+string(protocol), func(t *testing.T) {
				t.Parallel()
				l := newLab(t, c, 4)
				l.grant()
				cfg := l.config(protocol)
				cfg.Kafka.Brokers = c.SecureAddrs()
				cfg.Kafka.TLS = &consumer.TLSConfig{CA: ca}
				cfg.Kafka.SASL = sasl
				stop := l.flow(50)
				for range 2 {
					l.run(cfg, l.to(nil))
				}
				l.shared()
				time.Sleep(6 * time.Second) // beyond a session of SASL
				allowed := 0
				for _, m := range l.members {
					allowed += int(m.Explain().DuplicatesIfKilled)
				}
				l.withdraw()
				time.Sleep(5 * time.Second)
				held := l.produced() - l.ledger.distinct()
				l.grant()
				time.Sleep(time.Second)
				stop()
				l.delivered(time.Minute)
				t.Logf("%d records waited for the rights", held)
				if held == 0 {
					t.Error("the members went on without rights: the test withdrew nothing")
				}
				l.settled(allowed)
			})
		}
	}
}

// A client that tries again after every early end of a connection still says why.
func TestAMissingTLSOrSASLIsSaidInTheLog(t *testing.T) {
	t.Parallel()
	c, ca := secured(t)
	for want, conf := range map[string]*consumer.TLSConfig{"tls": nil, "sasl": {CA: ca}} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, c, 1)
			cfg := l.config(consumer.ProtocolAuto)
			cfg.Kafka.Brokers, cfg.Kafka.TLS = c.SecureAddrs(), conf
			l.run(cfg, l.to(nil))
			l.until(30*time.Second, "the log names it", func() bool { return strings.Contains(strings.ToLower(l.log.String()), want) })
		})
	}
}

// unsecuredToken is a token that a broker without a validator takes: for tests.
func unsecuredToken(subject string) string {
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	now := time.Now().Unix()
	return encode(`{"alg":"none"}`) + "." + encode(fmt.Sprintf(`{"sub":%q,"iat":%d,"exp":%d}`, subject, now, now+3600)) + "."
}
