package httpflow

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// Leaving says how a server ends. Zero durations mean the defaults.
type Leaving struct {
	// UnreadyFunc is called first: readyz must answer 503 from then on, as after
	// Drain of a [flow.Health].
	UnreadyFunc func()
	// Wait is how long the server goes on serving, so that load balancers see
	// it before connections are refused: their interval times their threshold.
	// Defaults to 5 s; less than zero means not at all.
	Wait time.Duration
	// Drain is how long requests in flight may take to end. Defaults to 25 s.
	Drain time.Duration
}

// Serve serves on ln until ctx ends, and then leaves without an error for
// anybody: unready at once; serving on for a while, and telling each client that
// its connection closes after the answer; then no new connections and the end of
// the requests in flight; and only what is left after that is cut off. It speaks
// TLS when srv has certificates. It sets srv.Handler to one around it.
//
// It returns nil after such an end, an error when requests had to be cut off,
// and otherwise what ended the server. Whoever cannot wait, as after a second
// signal, calls srv.Close. Connections that were hijacked are their owners'.
func Serve(ctx context.Context, srv *http.Server, ln net.Listener, l Leaving) error {
	if l.Wait == 0 {
		l.Wait = 5 * time.Second
	}
	if l.Drain <= 0 {
		l.Drain = 25 * time.Second
	}
	var leaving atomic.Bool
	srv.Handler = lastAnswers(srv.Handler, &leaving)
	ended := make(chan error, 1)
	go func() { ended <- listen(srv, ln) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	if l.UnreadyFunc != nil {
		l.UnreadyFunc()
	}
	leaving.Store(true)
	timer := time.NewTimer(l.Wait)
	defer timer.Stop()
	select {
	case err := <-ended:
		return err
	case <-timer.C:
	}
	return shutdown(context.WithoutCancel(ctx), srv, l.Drain, ended)
}

func listen(srv *http.Server, ln net.Listener) error {
	if c := srv.TLSConfig; c != nil && (len(c.Certificates) > 0 || c.GetCertificate != nil || c.GetConfigForClient != nil) {
		return srv.ServeTLS(ln, "", "")
	}
	return srv.Serve(ln)
}

// lastAnswers closes connections gently: a client that is told with an answer
// sends its next request elsewhere, one whose idle connection is closed may just
// have sent it.
func lastAnswers(next http.Handler, leaving *atomic.Bool) http.Handler {
	if next == nil {
		next = http.DefaultServeMux
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if leaving.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// shutdown waits for the requests in flight and for the server's own goroutine.
func shutdown(ctx context.Context, srv *http.Server, patience time.Duration, ended <-chan error) error {
	drain, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := srv.Shutdown(drain)
	if err != nil {
		err = fmt.Errorf("httpflow: requests were cut off after %s: %w", patience, errors.Join(err, srv.Close()))
	}
	if e := <-ended; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}
