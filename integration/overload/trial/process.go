package trial

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"time"
)

// process is this program run again in a role. What it is told and what it says
// is JSON.
type process struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	enc  *json.Encoder
	dec  *json.Decoder
	stop context.CancelFunc
}

// life bounds a process, should everything else fail.
const life = 3 * time.Minute

func start(ctx context.Context, role string, o order) (*process, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeout(ctx, life)
	cmd := exec.CommandContext(ctx, exe) //nolint:gosec // this very program
	cmd.Env = append(os.Environ(), roleVar+"="+role)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		stop()
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		stop()
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		stop()
		return nil, err
	}
	p := &process{cmd: cmd, in: in, enc: json.NewEncoder(in), dec: json.NewDecoder(out), stop: stop}
	if err := p.write(o); err != nil {
		_ = p.end() // the first error counts
		return nil, err
	}
	return p, nil
}

func (p *process) write(v any) error { return p.enc.Encode(v) }

func (p *process) read(v any) error { return p.dec.Decode(v) }

// end closes the standard input, which ends the process, and waits for it.
func (p *process) end() error {
	defer p.stop()
	_ = p.in.Close() // Wait says how it ended
	return p.cmd.Wait()
}
