//go:build !crashpoints

package consumer

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/weir-kafka/weir/flow"
)

// What a build for crash trials does at each write and commit; here nothing.

func crashWrite(ctx context.Context, _ *writeStage) context.Context { return ctx }

func crashAnswered(*writeStage, flow.Verdict, int) {}

func crashCommit(map[tp]mark) {}

func crashOptions() []kgo.Opt { return nil }
