package main

// ofCommits are bugs in what is committed.
func ofCommits() []mutant {
	const (
		tracker   = "consumer/internal/offset/tracker.go"
		commit    = "consumer/commit.go"
		markFile  = "consumer/mark.go"
		partition = "consumer/partition.go"
	)
	return []mutant{
		{
			name: "commit-maximum", stands: "I2", what: "the highest offset that is done is committed, not that up to which all is",
			edits: []edit{{
				tracker, "	return t.offset + 1, t.epoch, true\n",
				"	next = t.offset + 1\n	t.eachDone(func(o int64, n int) bool { next = o + int64(n); return true })\n	return next, t.epoch, true\n",
			}},
		},
		{
			name: "commit-off-by-one", stands: "I2", what: "one more than what is done is committed",
			edits: []edit{{tracker, "	return t.offset + 1, t.epoch, true\n", "	return t.offset + 2, t.epoch, true\n"}},
		},
		{
			name: "compaction-gap-pending", stands: "I9", what: "an offset that the log does not have is waited for",
			edits: []edit{{
				tracker, "	seq = t.next\n",
				"	if last, _, ok := t.Last(); ok && offset > last+1 {\n		t.next++\n	}\n	seq = t.next\n",
			}},
		},
		{
			name: "markers-not-seen", stands: "I9", what: "the ends of transactions are left out, and the commit stops before them",
			edits: []edit{{"consumer/client.go", "		kgo.KeepControlRecords(),", "		//"}},
			by:    test{"consumer", "TestATailThatIsNoRecordsLeavesNoWork"},
		},
		{
			name: "map-ignored", stands: "I4", what: "what an earlier owner did beyond its commit is done again",
			edits: []edit{{partition, "if p.skip.Done(rec.Offset, rec.LeaderEpoch) {", "if false {"}},
		},
		{
			name: "map-applied-and-delivered", stands: "I4", what: "what the map says is done is marked and delivered as well",
			edits: []edit{{partition, "			r.skipped++\n			continue\n", "			r.skipped++\n"}},
		},
		{
			name: "committed-taken-again", stands: "I4", what: "what lies before the commit is taken when a fetch brings it again",
			edits: []edit{{partition, "	return p.committed - 1, epoch, p.committed >= 0\n", "	return 0, epoch, false\n"}},
			by:    test{"consumer", "TestWhatIsCommittedIsNotTakenAgain"},
		},
		{
			name: "map-not-handed-on", stands: "I4", what: "a commit forgets what earlier owners did and this one has not fetched",
			edits: []edit{{markFile, "left := earlier.After(last, lastEpoch)", "_, _, left := last, lastEpoch, offset.Map{}"}},
			by:    test{"consumer", "TestWhatEarlierOwnersDidIsHandedOn"},
		},
		{
			name: "map-beyond-truncation", stands: "I1", what: "the map of the old log is applied to records of the new one",
			edits: []edit{
				{partition, "	p.skip = offset.Map{}\n", ""},
				{"consumer/internal/offset/map.go", "	if offset >= m.end || epoch > m.epoch {", "	if offset >= m.end {"},
			},
			by: test{"consumer", "TestACompletionMapEndsWithItsLog"},
		},
		{
			name: "completion-of-another-log", stands: "I1", what: "a completion counts though the log was rewritten meanwhile",
			edits: []edit{
				{"consumer/settle.go", "	if b.gen == p.gen && p.life <= draining {", "	if p.life <= draining {"},
				{"consumer/settle.go", "	if done && b.gen == p.gen && p.life <= draining {", "	if done && p.life <= draining {"},
			},
			by: test{"consumer", "TestLateAcknowledgementsOfAnotherLogMarkNothing"},
		},
		{
			name: "first-commit-unasked", stands: "I2b", what: "a member thrown out before its first commit does not ask what others committed",
			edits: []edit{{commit, "			c.committer = *c.firstAs.Load()\n", "			c.committer = req.MemberID\n"}},
			by:    test{"consumer", "TestAMemberThatIsBackAsAnotherBeginsBehindWhatOthersCommitted"},
		},
		{
			name: "owner-not-asked", stands: "P3", what: "a member that joined again commits before it knows what is still its own",
			edits: []edit{{commit, "as == nil || *as != req.MemberID {", "as == nil {"}},
			by:    test{"consumer", "TestAMemberThatWasThrownOutCommitsNothingThatIsAnothers"},
		},
		{
			name: "catch-up-skipped", stands: "P3", what: "a member that was out of the group commits what lies behind the others' commits",
			edits: []edit{{commit, "			p.floor = max(p.floor, o.At)\n", ""}},
			by:    test{"consumer", "TestASilentMemberDoesNotRewindOneThatCameAndWent"},
		},
		{
			name: "duplicates-never-counted", stands: "I4", what: "duplicates_if_killed leaves out what is done and in flight",
			edits: []edit{
				{"consumer/explain.go", "		DuplicatesIfKilled: p.uncommitted + p.active,\n", ""},
				{"consumer/explain.go", "	r.DuplicatesIfKilled += c.commitPace.ahead(c.totals.done.Load())\n", ""},
			},
		},
		{
			name: "offset-of-another-topic", stands: "I1", what: "a partition is committed at the offset of another topic's",
			edits: []edit{{
				commit,
				"		if offsets[p.topic] == nil {\n			offsets[p.topic] = make(map[int32]kgo.EpochOffset)\n		}\n		offsets[p.topic][p.partition] =",
				"		of := parts[0].topic\n		if offsets[of] == nil {\n			offsets[of] = make(map[int32]kgo.EpochOffset)\n		}\n		offsets[of][p.partition] =",
			}},
			by: test{"consumer", "TestTwoTopicsAreCommittedApart"},
		},
	}
}
