//go:build synctests

package consumer_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weir-kafka/weir/consumer"
)

// logbook keeps what a member logs from info on.
type logbook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logbook) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(line)
}

func (b *logbook) logger() consumer.Option {
	return consumer.WithLogger(slog.New(slog.NewTextHandler(b, nil)))
}

// lines returns those that have the text.
func (b *logbook) lines(text string) (found []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for line := range strings.Lines(b.buf.String()) {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

func TestADrainSaysOfWhichPartitions(t *testing.T) {
	for n, want := range map[int32]string{
		2:   `partitions="[in/0 in/1]"`,
		20:  `in/18 in/19]"`,
		300: `in/9 in/10 in/11 in/12 in/13 in/14 in/15 in/16 in/17 in/18 in/19 and 280 more]"`,
	} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			inLab(t, n, func(l *lab) {
				var log logbook
				m := l.run(l.config(), l.to(nil), log.logger())
				l.until(time.Minute, "assigned", func() bool { return len(m.Explain().Partitions) == int(n) })
				m.mustEnd()
				if got := log.lines(`msg="partitions drained"`); len(got) != 1 || !strings.Contains(got[0], want) {
					t.Errorf("got %q, want one line with %s", got, want)
				}
			})
		})
	}
}
