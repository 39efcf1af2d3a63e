//go:build synctests

package consumer_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/consumer"
)

func TestABrokerThatIsDownIsSaidOnceAndThenEveryHalfMinute(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 100, 10)
		network := &refuser{net: &l.net}
		var log logbook
		m := l.run(l.config(), l.to(nil), log.logger(), consumer.WithClientOptions(kgo.Dialer(network.dial)))
		l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() == 100 })
		_, address := l.coordinator()
		network.die(address)
		time.Sleep(10*time.Minute + 10*time.Second)
		refused := network.refusals()

		names, leftOut := map[string]int{}, 0
		lines := log.lines("unable to open connection")
		for _, line := range lines {
			if !strings.Contains(line, "level=WARN") || !strings.Contains(line, address) {
				t.Errorf("got %s, want a warning with %s", line, address)
			}
			found := regexp.MustCompile(`broker=(\S+) .*left_out=(\d+)`).FindStringSubmatch(line)
			if found == nil {
				t.Fatalf("neither broker nor count: %s", line)
			}
			n, _ := strconv.Atoi(found[2])
			names[found[1]]++
			leftOut += n
		}
		for name, n := range names { // a seed is another broker to the client
			if n < 2 || n > 21 {
				t.Errorf("broker %s: said %d times in ten minutes, want every 30 s at most", name, n)
			}
		}
		if len(names) == 0 || refused < 4*len(lines) {
			t.Fatalf("%d lines of %d brokers for %d refusals: nothing to leave out", len(lines), len(names), refused)
		}
		if said := len(lines) + leftOut; said > refused || said < refused*8/10 { // the last half minute is not counted yet
			t.Errorf("%d lines and %d left out, want together about the %d refusals", len(lines), leftOut, refused)
		}
		network.die("")
		m.mustEnd()
	}, kfake.NumBrokers(3), kfake.Ports(19092, 19093, 19094))
}
