package consumer

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// clientLog passes the client's log on. While a broker is down the client says at
// each dial, several times a second, that it can not reach it; that is passed on
// once, and then every sayAgain with how often it was left out.
type clientLog struct {
	log *slog.Logger
	now func() time.Time

	mu    sync.Mutex
	dials map[any]dialLog // by the name that the client has for the broker
}

// dialLog is what was said of the dials to one broker.
type dialLog struct {
	said    time.Time
	leftOut int
}

const (
	sayAgain = 30 * time.Second
	// dialFailed is how the client begins to say that it can not reach a broker.
	dialFailed = "unable to open connection to broker"
)

// Level asks for what the logger would print, never for the client's debug
// lines: they are formatted at every poll.
func (l *clientLog) Level() kgo.LogLevel {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		return kgo.LogLevelInfo
	}
	return kgo.LogLevelWarn
}

// Log implements kgo.Logger.
func (l *clientLog) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	to := slog.LevelDebug
	switch level {
	case kgo.LogLevelError:
		to = slog.LevelError
	case kgo.LogLevelWarn:
		to = slog.LevelWarn
	case kgo.LogLevelNone, kgo.LogLevelInfo, kgo.LogLevelDebug:
	}
	if strings.HasPrefix(msg, dialFailed) {
		leftOut, say := l.dialFailed(keyvals)
		if !say {
			return
		}
		keyvals = append(keyvals, "left_out", leftOut)
	}
	l.log.Log(context.Background(), to, "kafka client: "+msg, keyvals...)
}

// dialFailed returns whether to say so, and how often it was not said since it was.
func (l *clientLog) dialFailed(keyvals []any) (leftOut int, say bool) {
	var broker any
	if i := slices.Index(keyvals, any("broker")); i >= 0 && i+1 < len(keyvals) {
		broker = keyvals[i+1]
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	d, now := l.dials[broker], l.now()
	if now.Sub(d.said) < sayAgain {
		d.leftOut++
		l.dials[broker] = d
		return 0, false
	}
	if l.dials == nil {
		l.dials = make(map[any]dialLog)
	}
	l.dials[broker] = dialLog{said: now}
	return d.leftOut, true
}
