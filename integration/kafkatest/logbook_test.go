package kafkatest_test

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"sync"
)

// logbook keeps what the members said.
type logbook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *logbook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *logbook) logger(member int) *slog.Logger {
	level := slog.LevelInfo
	if os.Getenv("WEIR_LOG") == "debug" {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: level})).With("member", member)
}

// String returns the last of it.
func (b *logbook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	lines := strings.Split(b.b.String(), "\n")
	return strings.Join(lines[max(0, len(lines)-200):], "\n")
}
