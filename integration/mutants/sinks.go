package main

// ofSinks are bugs in what an answer of a sink is taken for.
func ofSinks() []mutant {
	const (
		call    = "consumer/call.go"
		verdict = "consumer/verdict.go"
	)
	return []mutant{
		{
			name: "partial-is-success", stands: "I1", what: "a batch of which a part was taken counts as taken",
			edits: []edit{{call, "		c.settlePartial(ctx, be)\n		return\n", "		_, err = be, nil\n"}},
		},
		{
			name: "timeout-is-success", stands: "I1", what: "a call whose time was up counts as taken",
			edits: []edit{{
				call, "	took := s.c.now().Sub(start)\n",
				"	if errors.Is(err, context.DeadlineExceeded) {\n		err = nil\n	}\n	took := s.c.now().Sub(start)\n",
			}},
		},
		{
			name: "panic-is-success", stands: "I1", what: "a call that panicked counts as taken",
			edits: []edit{{call, "			err = flow.Permanent(&PanicError{Value: r, Stack: debug.Stack()})\n", "			_ = &PanicError{Value: r, Stack: debug.Stack()}\n"}},
		},
		{
			name: "deaf-call-ended", stands: "I3d", what: "a call that goes on though its time is up counts as ended",
			edits: []edit{{
				call, "	return c.stage.sink.Write(crashWrite(ctx, c.stage), msgs)\n",
				`	ended := make(chan error, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				ended <- flow.Permanent(&PanicError{Value: r})
			}
		}()
		ended <- c.stage.sink.Write(crashWrite(ctx, c.stage), msgs)
	}()
	select {
	case err = <-ended:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
`,
			}},
		},
		{
			name: "behind-a-failure-first", stands: "I3b", what: "a message behind a failed one of its key is written at once",
			edits: []edit{{call, "	failed[last].then = group.then\n", "	if group.then != nil {\n		s.requeue(*group.then)\n	}\n"}},
		},
		{
			name: "marked-before-dead-letter", stands: "I7", what: "a record is done before the dead letters have it",
			edits: []edit{{"consumer/deadletter.go", "	b.states[i].dead = true\n", "	b.states[i].dead = true\n	p.tracker.Done(b.taken[i].Item.seq)\n	p.uncommitted++\n"}},
		},
		{
			name: "dead-letter-dropped", stands: "I7", what: "a dead letter that its sink does not take is dropped, and its record done",
			edits: []edit{{verdict, "	switch {\n	case v == flow.Reject && s.final:\n", "	switch {\n	case s.final:\n		s.acked(sp, sp.to)\n	case v == flow.Reject && s.final:\n"}},
		},
		{
			name: "rest-of-rejected-forgotten", stands: "I9", what: "what stood behind a rejected message in its batch is never written",
			edits: []edit{{verdict, "		s.requeue(fresh)\n", "		_ = fresh\n"}},
		},
		{
			name: "outage-blamed-on-messages", stands: "I7", what: "an outage of the sink empties the topic into the dead letters",
			edits: []edit{{verdict, "	works := wins > sp.seen\n", "	works := wins >= sp.seen\n"}},
			by:    test{"consumer", "TestAnOutageOfTheSinkEmptiesNothingIntoTheDeadLetters"},
		},
		{
			name: "ratio-ignored", stands: "I7", what: "a topic that is rejected as a whole is emptied into the dead letters",
			edits: []edit{{"consumer/rejections.go", "	if !over {\n", "	if over = false; !over {\n"}},
			by:    test{"consumer", "TestATopicIsNotEmptiedIntoTheDeadLetters"},
		},
	}
}
