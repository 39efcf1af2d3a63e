package httpflow

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// answer notes the code of an answer, and when its connection is taken over. It
// has what handlers look for in a writer of net/http.
type answer struct {
	http.ResponseWriter
	code     int
	hijacked func()
}

// WriteHeader implements [http.ResponseWriter].
func (a *answer) WriteHeader(code int) {
	if a.code == 0 && (code >= 200 || code == http.StatusSwitchingProtocols) {
		a.code = code
	}
	a.ResponseWriter.WriteHeader(code)
}

// ReadFrom implements [io.ReaderFrom], so that a file is still sent by the kernel.
func (a *answer) ReadFrom(r io.Reader) (int64, error) { return io.Copy(a.ResponseWriter, r) }

// Flush implements [http.Flusher].
func (a *answer) Flush() { _ = a.FlushError() }

// FlushError is for [http.ResponseController].
func (a *answer) FlushError() error { return http.NewResponseController(a.ResponseWriter).Flush() }

// Hijack implements [http.Hijacker]. It returns [http.ErrNotSupported] where the
// connection cannot be had, as with HTTP/2.
func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(a.ResponseWriter).Hijack()
	if err == nil {
		a.hijacked()
	}
	return conn, rw, err
}

// Unwrap is for [http.ResponseController].
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
