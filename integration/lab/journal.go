package lab

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/weir-kafka/weir/integration/ledger"
)

// drainTime is that of the pipeline. Giving up before it is over is no excuse for
// what is left.
const drainTime = 25 * time.Second

// journal reads from the members' logs when their sessions begin and end.
type journal struct {
	sessions *ledger.Sessions

	mu      sync.Mutex
	members []*Member // whose logs are read
}

// entry is a line of a log, as far as it is of use here.
type entry struct {
	Time        time.Time       `json:"time"`
	Message     string          `json:"msg"`
	Metrics     string          `json:"metrics"`
	Topic       string          `json:"topic"`
	Partition   int32           `json:"partition"`
	Partitions  json.RawMessage `json:"partitions"` // their names, or of other lines how many
	Abandoned   int64           `json:"abandoned"`
	Uncommitted int64           `json:"uncommitted"`
	Waited      time.Duration   `json:"waited"`
	Committed   bool            `json:"committed"`

	member *Member
}

func (j *journal) add(m *Member) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.members = append(j.members, m)
}

// forget reads the log of a member that has ended for the last time.
func (j *journal) forget(m *Member) {
	j.sync()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.members = slices.DeleteFunc(j.members, func(o *Member) bool { return o == m })
	_ = m.log.Close()
}

// sync takes in what was written until now, in the order in which it was written.
//
// The logs are read one after the other, so what the first has written since is
// missing, and what the last has written may be the answer to it. They are read
// again: what is older than the newest of the first round is there after that,
// and what is newer waits for the next time.
func (j *journal) sync() {
	j.mu.Lock()
	defer j.mu.Unlock()
	var newest time.Time
	for _, m := range j.members {
		m.read()
		for _, e := range m.lines {
			if e.Time.After(newest) {
				newest = e.Time
			}
		}
	}
	if newest.IsZero() {
		return
	}
	var now []entry
	for _, m := range j.members {
		m.read()
		m.lines = slices.DeleteFunc(m.lines, func(e entry) bool {
			if e.Time.After(newest) {
				return false
			}
			now = append(now, e)
			return true
		})
	}
	slices.SortStableFunc(now, func(a, b entry) int { return a.Time.Compare(b.Time) })
	for _, e := range now {
		j.apply(e)
	}
}

// read takes the new lines from the log.
func (m *Member) read() { // under journal.mu
	buf := make([]byte, 4096)
	for {
		n, err := m.log.ReadAt(buf, m.offset)
		m.offset += int64(n)
		m.rest = append(m.rest, buf[:n]...)
		if err != nil || n == 0 {
			break
		}
	}
	for {
		line, rest, whole := bytes.Cut(m.rest, []byte("\n"))
		if !whole {
			return
		}
		m.rest = rest
		if !bytes.Contains(line, []byte(`"msg":"partition`)) && !bytes.Contains(line, []byte(`"msg":"starting"`)) {
			continue
		}
		e := entry{member: m}
		if json.Unmarshal(line, &e) == nil {
			m.lines = append(m.lines, e)
		}
	}
}

func (j *journal) apply(e entry) {
	m := e.member
	switch e.Message {
	case "starting":
		admin := strings.TrimSuffix(e.Metrics, "/metrics")
		m.admin.Store(&admin)
	case "partitions assigned":
		j.sessions.Assign(m.N, named(e.Partitions)...)
	case "partitions lost; what was in flight may be repeated by their new owner":
		j.sessions.Lose(m.N, named(e.Partitions)...)
	case "partition lost while it was drained":
		j.sessions.Lose(m.N, ledger.Partition{Topic: e.Topic, Partition: e.Partition})
	case "partitions drained":
		clean := e.Committed && (e.Abandoned+e.Uncommitted == 0 || e.Waited < drainTime*4/5)
		j.sessions.Revoke(m.N, clean, named(e.Partitions)...) // of one that was lost meanwhile the session is over
	}
}

// named reads names such as orders/3.
func named(list json.RawMessage) (ps []ledger.Partition) {
	var names []string
	if json.Unmarshal(list, &names) != nil {
		return nil
	}
	for _, s := range names {
		t, n, _ := strings.Cut(s, "/")
		i, err := strconv.ParseInt(n, 10, 32)
		if err == nil {
			ps = append(ps, ledger.Partition{Topic: t, Partition: int32(i)})
		}
	}
	return ps
}
