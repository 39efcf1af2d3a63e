//go:build crashpoints

package crash

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
)

// Enabled reports whether this build can crash.
const Enabled = true

// plan is what the environment says, and how far it has come.
type plan struct {
	point Point
	hit   int64
	dir   string
	seen  atomic.Int64

	mu    sync.Mutex
	bound *os.File
}

// current is read once: a crash is the process's, not a consumer's.
var current = sync.OnceValue(func() *plan { //nolint:gochecknoglobals // of a process that is made to end
	p := &plan{point: Point(os.Getenv(EnvPoint)), hit: 1, dir: os.Getenv(EnvDir)}
	if n, err := strconv.ParseInt(os.Getenv(EnvHit), 10, 64); err == nil {
		p.hit = n
	}
	return p
})

// At ends the process if it is told to end here. Its last words are in a file
// before that, so that nobody takes another end for this one.
func At(at Point) {
	p := current()
	if at != p.point || p.dir == "" || p.seen.Add(1) != p.hit {
		return
	}
	if err := os.WriteFile(filepath.Join(p.dir, WordsFile), []byte(at), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, "crash:", err)
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // whatever is locked stays so until the signal arrives
}

// Export writes what bound returns where it can be read after the end. The last
// figure written is the last one computed.
func Export(bound func() int64) {
	p := current()
	if p.dir == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bound == nil {
		f, err := os.Create(filepath.Join(p.dir, BoundFile))
		if err != nil {
			fmt.Fprintln(os.Stderr, "crash:", err)
			return
		}
		p.bound = f
	}
	if _, err := p.bound.WriteAt(fmt.Appendf(nil, "%20d", bound()), 0); err != nil {
		fmt.Fprintln(os.Stderr, "crash:", err)
	}
}
