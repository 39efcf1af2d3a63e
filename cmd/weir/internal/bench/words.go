package bench

import (
	"context"
	"log/slog"
	"strings"
	"sync"
)

// words keeps the last warning of a pipeline, which is otherwise not heard: it is what
// explains one that does not go on.
type words struct {
	mu   sync.Mutex
	text string
}

func (w *words) logger() *slog.Logger { return slog.New(handler{w}) }

func (w *words) last() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text
}

// handler is the slog.Handler of words.
type handler struct{ words *words }

// Enabled implements slog.Handler.
func (handler) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }

// Handle implements slog.Handler.
func (h handler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Message)
	r.Attrs(func(a slog.Attr) bool {
		b.WriteString(" " + a.String())
		return true
	})
	h.words.mu.Lock()
	defer h.words.mu.Unlock()
	h.words.text = b.String()
	return nil
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs([]slog.Attr) slog.Handler { return h }

// WithGroup implements slog.Handler.
func (h handler) WithGroup(string) slog.Handler { return h }
