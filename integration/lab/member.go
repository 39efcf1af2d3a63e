package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/integration/ledger"
)

// Member is a process that runs the pipeline.
type Member struct {
	*Process
	N int // from 1

	lab   *Lab
	proxy *proxy
	admin atomic.Pointer[string]
	id    atomic.Pointer[string] // in the group

	shaken atomic.Int64 // beginnings and ends of faults
	scrape scrape       // the last; of whoever scrapes

	dead bool      // under service.mu
	died time.Time // the same

	log    *os.File // this and what follows under journal.mu
	offset int64
	rest   []byte
	lines  []entry
}

// Start starts a member. session is how long it may be silent; env returns what is
// added to its environment, given its directory, and may be nil.
func (l *Lab) Start(ctx context.Context, session time.Duration, env func(dir string) []string) (_ *Member, err error) {
	l.mu.Lock()
	m := &Member{N: len(l.members) + 1, lab: l}
	l.members = append(l.members, m)
	l.mu.Unlock()
	if m.proxy, err = newProxy(ctx, m, l.broker.address); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			m.proxy.close()
		}
	}()
	dir := filepath.Join(l.dir, "life-"+strconv.Itoa(m.N))
	var added []string
	if env != nil {
		added = env(dir)
	}
	l.Log.Add(ledger.Event{Kind: ledger.Start, Instance: m.N})
	m.Process, err = start(ctx, l.bin, dir, nil, added, "run", l.file,
		"--set", "kafka.brokers="+m.proxy.ln.Addr().String(), "--set", "kafka.session_timeout="+session.String(),
		"--set", "sink.http.url="+l.url+"/"+strconv.Itoa(m.N))
	if err != nil {
		return nil, err
	}
	if m.log, err = os.Open(filepath.Join(dir, logFile)); err != nil {
		return nil, err
	}
	l.journal.add(m)
	return m, nil
}

func (l *Lab) member(n int) *Member {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n < 1 || n > len(l.members) {
		return nil
	}
	return l.members[n-1]
}

// Stop is SIGTERM, and an error if the process does not end well.
func (m *Member) Stop() error {
	m.lab.Log.Add(ledger.Event{Kind: ledger.Stop, Instance: m.N})
	err := m.stop()
	if err != nil {
		m.kill()
	}
	m.proxy.close()
	m.lab.journal.forget(m)
	e := ledger.Event{Kind: ledger.Stopped, Instance: m.N, Clean: err == nil}
	if err != nil {
		e.Note = err.Error()
	}
	m.lab.Log.Add(e)
	return err
}

// Kill is kill -9, at once after the process was asked how many duplicates that
// would cause.
func (m *Member) Kill(ctx context.Context) error {
	r, err := m.Explain(ctx)
	if err != nil {
		return err
	}
	at := time.Now()
	m.kill()
	m.Died(at, r.DuplicatesIfKilled)
	return nil
}

// Died notes that the process has ended without a stop, when, and how many
// duplicates it had said that would cause.
func (m *Member) Died(at time.Time, bound int64) {
	m.proxy.close()
	m.lab.journal.forget(m)
	m.lab.service.mu.Lock()
	defer m.lab.service.mu.Unlock()
	m.dead, m.died = true, at
	m.lab.Log.Add(ledger.Event{Kind: ledger.Killed, Instance: m.N, Bound: bound})
}

// Abandon ends a process of which nothing more is to be known.
func (m *Member) Abandon() {
	m.kill()
	m.proxy.close()
}

// Freeze is SIGSTOP, and SIGCONT after d.
func (m *Member) Freeze(ctx context.Context, d time.Duration) error {
	m.shaken.Add(1)
	defer m.shaken.Add(1)
	if err := m.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	return m.Signal(syscall.SIGCONT)
}

// Cut ends its connections to the broker.
func (m *Member) Cut() {
	m.shaken.Add(1)
	m.proxy.cut()
}

// Terminate is SIGTERM, for those that do not wait for the end.
func (m *Member) Terminate() error {
	m.lab.Log.Add(ledger.Event{Kind: ledger.Stop, Instance: m.N})
	return m.Signal(syscall.SIGTERM)
}

// Explain asks the process what it does.
func (m *Member) Explain(ctx context.Context) (r consumer.Report, err error) {
	err = m.get(ctx, "/explain", func(b io.Reader) error { return json.NewDecoder(b).Decode(&r) })
	return r, err
}

// Metrics asks for the metrics without labels, and of those with labels the last.
func (m *Member) Metrics(ctx context.Context) (map[string]float64, error) {
	all := map[string]float64{}
	err := m.get(ctx, "/metrics", func(b io.Reader) error {
		s := bufio.NewScanner(b)
		for s.Scan() {
			name, value, _ := strings.Cut(s.Text(), " ")
			if v, err := strconv.ParseFloat(value, 64); err == nil {
				all[name] = v
			}
		}
		return s.Err()
	})
	return all, err
}

var errNoAdmin = errors.New("it has not said yet where its admin listener is")

func (m *Member) get(ctx context.Context, path string, read func(io.Reader) error) error {
	m.lab.journal.sync()
	admin := m.admin.Load()
	if admin == nil {
		return errNoAdmin
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, *admin+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("member %d: %w", m.N, err)
	}
	defer func() { _ = resp.Body.Close() }()
	return read(resp.Body)
}

// Busy waits until the member has partitions and has finished something.
func (m *Member) Busy(ctx context.Context) error {
	err := Until(ctx, 90*time.Second, "the member works", func() bool {
		if !m.Alive() {
			return true
		}
		r, err := m.Explain(ctx)
		return err == nil && len(r.Partitions) > 0 && r.Totals.Done > 50
	})
	if !m.Alive() {
		return fmt.Errorf("the member ended: %w; see its log", m.Err)
	}
	return err
}
