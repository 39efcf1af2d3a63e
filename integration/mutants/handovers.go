package main

// ofHandovers are bugs at the end and the beginning of an assignment.
func ofHandovers() []mutant {
	const rebalance = "consumer/rebalance.go"
	return []mutant{
		{
			name: "dead-after-rebalance", stands: "P1", what: "a partition that comes back to its member stands still, and nobody says so",
			edits: []edit{
				{rebalance, "	c.forget(parts)\n	c.commitMu.Unlock()\n", "	c.commitMu.Unlock()\n"},
				{rebalance, "			if old := c.parts[id]; old != nil {\n", "			if old := c.parts[id]; old != nil {\n				continue\n"},
			},
			by: test{"consumer", "TestAPartitionPausedBeforeARebalanceFlowsAfterIt"},
		},
		{
			name: "pause-outlives-assignment", stands: "P2", what: "the client still has paused what is not paused here any more",
			edits: []edit{
				{rebalance, "	c.client.ResumeFetchPartitions(m) // the client remembers pauses of an earlier epoch\n", ""},
				{"consumer/reconcile.go", "			was = actual[p.topic][p.partition]\n", "			_ = actual\n"},
			},
			by: test{"consumer", "TestAPauseDoesNotOutliveItsAssignment"},
		},
		{
			name: "start-decided-anew", stands: "I1", what: "each owner decides anew where a partition starts that has no commit yet",
			edits: []edit{{"consumer/client.go", "		kgo.AdjustFetchOffsetsFn(c.begins),\n", ""}},
			by:    test{"consumer", "TestLatestIsDecidedOnceForTheGroup"},
		},
		{
			name: "late-ack-commits", stands: "P3", what: "a partition that was lost is still marked and committed",
			edits: []edit{{rebalance, "	parts := c.pick(m)\n	var abandoned int64\n", "	parts := c.pick(nil)\n	var abandoned int64\n"}},
		},
		{
			name: "commit-after-loss", stands: "P3", what: "what was lost is drained and committed as if it were revoked",
			edits: []edit{{rebalance, "	c.rebalances.Add(1)\n	parts := c.pick(m)\n", "	c.drain(context.Background(), c.pick(m), \"lost\")\n	c.rebalances.Add(1)\n	parts := c.pick(m)\n"}},
			by:    test{"consumer", "TestAMemberThatWasToldOfALossCommitsNothingMore"},
		},
		{
			name: "buffered-counted-as-done", stands: "P4", what: "what is queued at a revoke is dropped and its offset advances",
			edits: []edit{{
				"consumer/partition.go", "	p.life, p.state = draining, StateDraining\n",
				"	p.life, p.state = draining, StateDraining\n	p.lanes.Each(func(it *item) { p.tracker.Done(it.seq) })\n",
			}},
		},
		{
			name: "fence-before-drain", stands: "P5", what: "finished work loses its commit because the partition is given up first",
			edits: []edit{{rebalance, "		bytes, records := p.startDrain()\n", "		bytes, records, _ := p.kill(revoked)\n"}},
		},
		{
			name: "drain-holds-commit-lock", stands: "P6", what: "a drain holds the lock that its own commit waits for",
			edits: []edit{{
				rebalance, "	err := c.commitUntil(ctx, parts, deadline)\n",
				"	c.commitMu.Lock()\n	err := c.commitUntil(ctx, parts, deadline)\n	c.commitMu.Unlock()\n",
			}},
			by: test{"consumer", "TestARevokeCommitsWhatItDrained"},
		},
		{
			name: "drain-skipped", stands: "I4", what: "a revoke does not wait for what is in flight",
			edits: []edit{{rebalance, "	inTime := c.awaitDrained(parts, start)\n", "	inTime := true\n"}},
		},
		{
			name: "final-commit-skipped", stands: "I4", what: "a member leaves without committing what it drained",
			edits: []edit{{rebalance, "	err := c.commitUntil(ctx, parts, deadline)\n", "	_, err := deadline, error(nil)\n"}},
		},
		{
			name: "lost-still-reported", stands: "P10", what: "a former owner goes on to export the lag of what it lost",
			edits: []edit{{rebalance, "	c.forget(parts)\n	// Their effects end at once.", "	// Their effects end at once."}},
		},
		{
			name: "barrier-skipped", stands: "I1", what: "records polled before a loss reach the next assignment",
			edits: []edit{{rebalance, "	c.poller.barrier()\n", ""}},
			by:    test{"consumer", "TestRecordsPolledBeforeALossNeverReachTheNextEpoch"},
		},
	}
}
