// Command custom-binary runs pipeline files that can name parts of its own. The
// list of parts is its own too: copy this program, and add a line to parts.go.
package main

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/weir-kafka/weir/config"
	"github.com/weir-kafka/weir/consumer"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[len(os.Args)-1])
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, path string) (err error) {
	f, err := config.Load(path, parts())
	if err != nil {
		return err
	}
	p, err := f.Pipeline(slog.Default())
	if err != nil {
		return err
	}
	for _, o := range p.Outputs() {
		if c, ok := o.Sink.(io.Closer); ok {
			defer func() { err = errors.Join(err, c.Close()) }()
		}
	}
	c, err := consumer.New(f.Consumer, p, consumer.WithLogger(slog.Default()))
	if err != nil {
		return err
	}
	return c.Run(ctx)
}
