/*
 * Two members and a coordinator share one partition of three records. Each step
 * stands for a step of the engine, its client or the broker: docs/model.md says
 * for which.
 *
 * The records 0 and 2 have one key, 1 has another. How much goes wrong is bounded
 * by budgets, given with -D; MUTANT_x takes one defence away.
 */

#ifndef MOVES
#define MOVES 0    /* rebalances that take the partition from its owner */
#endif
#ifndef KICKS
#define KICKS 0    /* times that the coordinator throws a member out */
#endif
#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef FAILS
#define FAILS 0    /* writes that fail, with or without their effect */
#endif
#ifndef TIMEOUTS
#define TIMEOUTS 0 /* drains that run out of time */
#endif
#ifndef PAUSES
#define PAUSES 0
#endif
#ifndef MUTES
#define MUTES 0    /* commits that are applied and whose answer does not come */
#endif

#ifndef N
#define N 3          /* records, 3 at most */
#endif
#define NONE 7     /* no offset */
#define NOBODY 2   /* no owner */
#define BIT(o) (1 << (o))
#define BELOW(o) (BIT(o) - 1)
#define KEY(o) ((o) & 1)
#define KEYED(k) ((k) == 0 -> 5 : 2) /* the records of a key */
#ifdef MUTANT_KEY_IN_TWO_LANES
#define LANED(k) ((k) == 0 -> 1 : 6)
#else
#define LANED(k) KEYED(k)
#endif

/* The broker. */
byte committed;        /* the group's offset ... */
byte noted;            /* ... and its completion map */
byte owner = NOBODY;
byte reg[2];           /* session of each member that is accepted, 0 for none */
byte moves, kicks, crashes, fails, timeouts, pauses, mutes;

/* What sinks saw: it outlives the members. */
byte processed;        /* records */
#ifndef REPEATS
#define REPEATS false
#endif
bool cause = REPEATS;  /* something happened after which records may come again */

/* The client of each member. */
mtype:call = { rest, assign, keep, revoke };
mtype:call todo[2] = rest;
byte session[2];       /* what it gives itself out as */
byte id[2];            /* member id: it may outlive a session */
bool held[2];          /* it counts the partition as its own */
byte cursor[2] = NONE; /* next record to be fetched */
bool stopped[2];       /* paused, as far as the client knows */
byte from[2], to[2];   /* records that a poll returned and nobody dispatched */
bool down[2];          /* crashed */
bool wire[2];          /* a commit is on its way: no join meanwhile */
byte refused[2];       /* session whose commit was refused */

/* The partition object of each member. */
mtype:life = { gone, live, draining };
mtype:life life[2] = gone;
byte pushed[2], queued[2], done[2]; /* records */
byte spared[2];        /* done by an earlier owner */
byte known[2];         /* committed, as far as it knows */
byte sent[2];          /* the map that went with it */
byte least[2];         /* what others committed meanwhile */
bool paused[2];
bit  set[2];           /* lanes in use; the object before may have stragglers in the others */
bool lock[2];          /* commitMu */
byte asked[2];         /* member id of the last commit */
byte mine[2];          /* member id under which the client last said what is ours */

/* Lanes: those of member m, set s, key k stand at 4m+2s+k. */
mtype:phase = { idle, written, acked, failed };
mtype:phase phase[8] = idle;
byte rec[8];
bool over[4];          /* of a set: its session ended in good order */
#ifdef MUTANT_STALE_ACK_COUNTS
byte first[4];         /* of a set: where its object began */
#endif

/* Properties by name: each is true, but for the moment in which it is found not to be. */
bool commit_not_ahead = true, commit_not_back = true, map_not_ahead = true;
bool key_in_order = true, no_repeat_without_cause = true, nothing_after_hand_over = true;

#define CHECK(name, holds) name = (holds); assert(name)

/* What there is to commit: Tracker.Commit, Tracker.Map and partition.mark. */
#define UNDONE(m) (pushed[m] & ~done[m])
#define FIRST(m) (UNDONE(m) & 1 -> 0 : (UNDONE(m) & 2 -> 1 : (UNDONE(m) & 4 -> 2 : N)))
#define PREFIX(m) (pushed[m] & BELOW(FIRST(m)))
#define ABOVE(records) (records & 4 -> 3 : (records & 2 -> 2 : (records & 1 -> 1 : 0)))
#ifdef MUTANT_COMMIT_MAXIMUM
#define NEXT(m) ABOVE(done[m])
#else
#define NEXT(m) (PREFIX(m) -> ABOVE(PREFIX(m)) : FIRST(m))
#endif
#ifdef MUTANT_MAP_NOT_HANDED_ON
#define REST(m) 0
#else
#define REST(m) (spared[m] & ~BELOW(ABOVE(pushed[m]))) /* done before, and not fetched yet */
#endif
#define BEYOND(m) (pushed[m] & done[m] & ~BELOW(NEXT(m)) | REST(m))
#ifdef MUTANT_COMMIT_AFTER_LOST
#define MAY_COMMIT(m) true
#else
#define MAY_COMMIT(m) (life[m] != gone)
#endif
#define NEWS(m) (!down[m] && MAY_COMMIT(m) && pushed[m] && NEXT(m) >= known[m] && NEXT(m) >= least[m] && \
	(NEXT(m) > known[m] || BEYOND(m) && BEYOND(m) != sent[m]))

/* It joined under another id, and the client has not said yet what that one owns. */
#ifdef MUTANT_OWNER_NOT_ASKED
#define UNSURE(m) false
#else
#define UNSURE(m) (id[m] != mine[m])
#endif

/* An object that ended is inert. */
#ifdef MUTANT_COMMIT_AFTER_LOST
#define FORGET(m)
#else
#define FORGET(m) pushed[m] = 0; done[m] = 0; spared[m] = 0; known[m] = 0; sent[m] = 0; least[m] = 0; paused[m] = false;
#endif
#define KILL(m) life[m] = gone; queued[m] = 0; FORGET(m) skip

#ifdef MUTANT_COMMIT_LOCK_SKIPPED
#define LOCKED(m) false
#else
#define LOCKED(m) lock[m]
#endif

/* Against which member id the first commit is compared: that of the first assignment. */
#ifdef MUTANT_FIRST_COMMIT_UNASKED
#define FIRST_ASKED 0
#define REMEMBER(m) skip
#else
#define FIRST_ASKED 255 /* none */
#define REMEMBER(m) asked[m] = (asked[m] == 0 -> id[m] : asked[m])
#endif

#define SNAPSHOT(m) next = NEXT(m); map = BEYOND(m); which = set[m]; news = NEWS(m)

/* commit: snapshot, send and answer are one critical section. */
inline commit(m) {
	atomic { !LOCKED(m) -> lock[m] = true; SNAPSHOT(m) };
again:	atomic { /* the client takes its session when it takes the request */
		if
		:: down[m] || !news -> goto out
		:: !down[m] && news && UNSURE(m) -> goto out
		:: !down[m] && news && !UNSURE(m) && asked[m] != FIRST_ASKED && asked[m] != id[m] -> who = id[m]; goto ask
		:: !down[m] && news && !UNSURE(m) && (asked[m] == FIRST_ASKED || asked[m] == id[m]) ->
			asked[m] = id[m]; who = session[m]; wire[m] = true
		fi
	};
	atomic { /* the coordinator */
		if
		:: reg[m] == who ->
			CHECK(commit_not_ahead, (BELOW(next) & ~processed) == 0);
			CHECK(map_not_ahead, (map & ~processed) == 0);
			CHECK(commit_not_back, next >= committed);
			committed = next; noted = map; answer = 1;
			if
			:: true
			:: mutes < MUTES -> mutes++; answer = 0
			fi
		:: reg[m] != who -> answer = 2
		fi
	};
	atomic { /* applyCommit */
		if
		:: answer == 1 && set[m] == which && life[m] != gone -> known[m] = next; sent[m] = map
		:: answer == 2 ->
			refused[m] = who;
			if /* stopDraining */
			:: life[m] == draining -> KILL(m)
			:: life[m] != draining
			fi
		:: else
		fi;
		goto out
	};
ask:	atomic { /* catchUp */
		asked[m] = who;
#ifndef MUTANT_CATCH_UP_SKIPPED
		least[m] = (committed > least[m] -> committed : least[m]);
#endif
		who = 0; SNAPSHOT(m); goto again
	};
out:	atomic { wire[m] = false; lock[m] = false; next = 0; map = 0; which = 0; news = false; who = 0; answer = 0 }
}

/* commitLoop. A refused commit is refused again until the client has joined again. */
proctype committer(byte m) {
	byte next, map, who, answer; bit which; bool news;
end:	do
	:: NEWS(m) && !LOCKED(m) && !UNSURE(m) && (refused[m] != session[m] || refused[m] == 0) -> commit(m)
	od
}

#define IDLE(l) (phase[l] == idle || phase[l] == failed)
#define DRAINED(m) (IDLE(4*m+2*set[m]) && IDLE(4*m+2*set[m]+1))
#define NO_STRAGGLERS(m) (phase[4*m+2*(1-set[m])] == idle && phase[4*m+2*(1-set[m])+1] == idle)

#ifdef MUTANT_BARRIER_SKIPPED
#define BARRIER(m) true
#else
#define BARRIER(m) (from[m] == to[m])
#endif

#ifdef MUTANT_FENCE_BEFORE_DRAIN
#define FENCED_FIRST true
#else
#define FENCED_FIRST false
#endif

#ifdef MUTANT_LOST_DOES_NOT_WAIT
#define COMMIT_ENDED(m) true
#else
#define COMMIT_ENDED(m) (!LOCKED(m))
#endif

proctype client(byte m) {
	byte next, map, who, answer; bit which; bool news, clean;
end:	do
	:: atomic { todo[m] == assign && !down[m] && NO_STRAGGLERS(m) && BARRIER(m) -> /* assigned, fetched */
		set[m] = 1 - set[m]; life[m] = live; held[m] = true; mine[m] = id[m]; REMEMBER(m);
		pushed[m] = 0; done[m] = 0; least[m] = 0; over[2*m+set[m]] = false;
#ifndef MUTANT_RESUME_FORGOTTEN
		stopped[m] = false;
#endif
		known[m] = committed; cursor[m] = committed;
#ifndef MUTANT_MAP_IGNORED
		spared[m] = noted; sent[m] = noted;
#endif
#ifdef MUTANT_STALE_ACK_COUNTS
		first[2*m+set[m]] = committed;
#endif
		todo[m] = rest }
	:: atomic { todo[m] == keep -> mine[m] = id[m]; todo[m] = rest } /* assigned, with nothing new */
	:: atomic { todo[m] == assign && down[m] -> todo[m] = rest }
	:: todo[m] == revoke ->
		atomic { /* the client drops what it has fetched, startDrain what has not begun */
			clean = true; cursor[m] = NONE;
#ifdef MUTANT_DROPPED_COUNTS_AS_DONE
			done[m] = done[m] | queued[m];
#endif
			queued[m] = 0;
			if /* to be given back before it was said to be ours: it is another's */
			:: FENCED_FIRST || UNSURE(m) -> KILL(m)
			:: !(FENCED_FIRST || UNSURE(m)) -> life[m] = (life[m] == live -> draining : life[m])
			fi
		};
		if /* awaitDrained */
#ifdef MUTANT_DRAIN_SKIPPED
		:: true
#else
		:: DRAINED(m) || life[m] == gone
		:: atomic { timeouts < TIMEOUTS && !DRAINED(m) -> timeouts++; cause = true; clean = false }
#endif
		fi;
#ifndef MUTANT_FINAL_COMMIT_SKIPPED
		do /* commitUntil */
		:: NEWS(m) -> commit(m)
		:: !NEWS(m) -> break
		od;
#endif
		atomic {
			!LOCKED(m) ->
			over[2*m+set[m]] = clean && life[m] == draining; clean = false;
			KILL(m); held[m] = false; todo[m] = rest;
			owner = (owner == m -> NOBODY : owner)
		}
	:: todo[m] == rest && !down[m] && reg[m] != session[m] ->
		if
		:: true -> /* a heartbeat says so: lost, then another session; its id may stay */
			atomic { KILL(m) };
			atomic {
				!wire[m] && COMMIT_ENDED(m) ->
				if
				:: down[m]
				:: !down[m] ->
					cursor[m] = NONE; held[m] = false;
					session[m]++; reg[m] = session[m];
					if
					:: true
					:: true -> id[m]++
					fi
				fi
			}
		:: held[m] -> /* a commit or a join says so: another id, and the client keeps what it has */
			atomic {
				!wire[m] ->
				if
				:: down[m]
				:: !down[m] ->
					session[m]++; reg[m] = session[m]; id[m]++;
					todo[m] = (owner == 1 - m -> revoke : rest)
				fi
			}
		fi
	:: atomic { down[m] && reg[m] == 0 && todo[m] == rest && !lock[m] -> /* begun again */
		down[m] = false; session[m]++; id[m]++; asked[m] = 0; reg[m] = session[m] }
	od
}

proctype poller(byte m) {
	byte o;
end:	do
	:: atomic { from[m] == to[m] && cursor[m] < N && !stopped[m] -> /* poll: one record, or all */
		from[m] = cursor[m];
		if
		:: true -> to[m] = N
		:: cursor[m] + 1 < N -> to[m] = cursor[m] + 1
		fi;
		cursor[m] = to[m] }
	:: d_step { from[m] < to[m] -> /* push */
		o = from[m];
		do
		:: o < to[m] ->
			if
			:: life[m] == live && (pushed[m] >> o) == 0 ->
				pushed[m] = pushed[m] | BIT(o);
				if
				:: spared[m] & BIT(o) -> done[m] = done[m] | BIT(o)
				:: else -> queued[m] = queued[m] | BIT(o)
				fi
			:: else /* not ours any more, or fetched twice */
			fi;
			o++
		:: else -> break
		od;
		from[m] = 0; to[m] = 0; o = 0 }
	:: d_step { pauses < PAUSES && life[m] == live && !paused[m] -> pauses++; paused[m] = true; stopped[m] = true }
	:: d_step { life[m] == live && paused[m] -> paused[m] = false; stopped[m] = false } /* reconcile */
#ifndef MUTANT_RESUME_FORGOTTEN
	:: d_step { life[m] == live && !paused[m] && stopped[m] -> stopped[m] = false } /* reconcile, compared with the client */
#endif
	od
}

/* What the sink does with the record of lane l. */
inline effect(m, s, l) {
	CHECK(nothing_after_hand_over, !over[2*m+s]);
	CHECK(key_in_order, (KEYED(KEY(rec[l])) & BELOW(rec[l]) & ~processed) == 0);
	CHECK(no_repeat_without_cause, cause || !(processed & BIT(rec[l])));
	processed = processed | BIT(rec[l])
}

#define OURS(m, s) (set[m] == s && life[m] != gone)
#define LOW(m, k) (queued[m] & LANED(k) & 1 -> 0 : (queued[m] & LANED(k) & 2 -> 1 : 2))
#define DONE(m, r) done[m] = done[m] | BIT(r)
#define FREED(l) phase[l] = idle; rec[l] = 0

#ifdef MUTANT_MARK_BEFORE_ACK
#define MARK_AT_ONCE(m, l) DONE(m, rec[l])
#else
#define MARK_AT_ONCE(m, l) skip
#endif

#ifdef MUTANT_FAILED_COUNTS_AS_DONE
#define FAILED(m, s, l) \
	if \
	:: OURS(m, s) -> DONE(m, rec[l]) \
	:: else \
	fi; \
	FREED(l)
#else
#define FAILED(m, s, l) phase[l] = failed
#endif

/* A dead object marks nothing. It knows records by their place since it began. */
#ifdef MUTANT_STALE_ACK_COUNTS
#define PLACE(m, s, l) (rec[l] - first[2*m+s] + first[2*m+set[m]])
#define ACK(m, s, l) \
	if \
	:: life[m] != gone && PLACE(m, s, l) < N -> DONE(m, PLACE(m, s, l)) \
	:: else \
	fi
#else
#define ACK(m, s, l) \
	if \
	:: OURS(m, s) -> DONE(m, rec[l]) \
	:: else \
	fi
#endif

/* take and mayWrite; the write and its effect; its failure; its ack; another try. */
#define LANE(m, s, k, l) \
	:: d_step { life[m] == live && set[m] == s && phase[l] == idle && (queued[m] & LANED(k)) -> \
		rec[l] = LOW(m, k); queued[m] = queued[m] & ~BIT(rec[l]); phase[l] = written; MARK_AT_ONCE(m, l) } \
	:: d_step { phase[l] == written -> effect(m, s, l); phase[l] = acked } \
	:: d_step { phase[l] == written && fails < FAILS -> fails++; FAILED(m, s, l) } \
	:: d_step { phase[l] == written && fails < FAILS -> fails++; cause = true; effect(m, s, l); FAILED(m, s, l) } \
	:: d_step { phase[l] == acked -> ACK(m, s, l); FREED(l) } \
	:: d_step { phase[l] == failed && OURS(m, s) && life[m] == live -> phase[l] = written } \
	:: d_step { phase[l] == failed && !(OURS(m, s) && life[m] == live) -> FREED(l) }

proctype lanes(byte m) {
end:	do
	LANE(m, 0, 0, 4*m)
	LANE(m, 0, 1, 4*m+1)
	LANE(m, 1, 0, 4*m+2)
	LANE(m, 1, 1, 4*m+3)
	od
}

#define FREE(m) (reg[m] != 0 && reg[m] == session[m] && todo[m] == rest && !down[m])

/* What it does by itself it does while there is work left. */
#define LATER (committed == N)

proctype coordinator() {
	byte m;
end:	do
	:: d_step { owner == NOBODY && FREE(0) && held[0] -> owner = 0; todo[0] = keep } /* who has it keeps it */
	:: d_step { owner == NOBODY && FREE(1) && held[1] -> owner = 1; todo[1] = keep }
	:: d_step { owner == NOBODY && FREE(0) && !held[0] && !(held[1] && reg[1] == session[1]) -> owner = 0; todo[0] = assign }
	:: d_step { owner == NOBODY && FREE(1) && !held[1] && !(held[0] && reg[0] == session[0]) -> owner = 1; todo[1] = assign }
	:: d_step { owner != NOBODY && moves < MOVES && !LATER && FREE(owner) -> moves++; todo[owner] = revoke }
	:: atomic { kicks < KICKS && !LATER -> /* no heartbeat in time, or a drain that took too long */
		if
		:: reg[0] != 0
		:: reg[1] != 0 -> m = 1
		fi;
		kicks++; cause = true; reg[m] = 0; owner = (owner == m -> NOBODY : owner); m = 0 }
	:: atomic { crashes < CRASHES && !LATER -> /* kill -9 */
		if
		:: !down[0]
		:: !down[1] -> m = 1
		fi;
		crashes++; cause = true; down[m] = true; KILL(m); from[m] = 0; to[m] = 0;
		cursor[m] = NONE; held[m] = false; stopped[m] = false; m = 0 }
	:: atomic { (down[0] && reg[0] != 0) -> reg[0] = 0; owner = (owner == 0 -> NOBODY : owner) } /* its session runs out */
	:: atomic { (down[1] && reg[1] != 0) -> reg[1] = 0; owner = (owner == 1 -> NOBODY : owner) }
	od
}

init {
	atomic {
		session[0] = 1; session[1] = 1; reg[0] = 1; reg[1] = 1; id[0] = 1; id[1] = 1;
		owner = 0; todo[0] = assign; /* the members are alike: one of them is the first */
		run coordinator();
		run client(0); run poller(0); run lanes(0); run committer(0);
		run client(1); run poller(1); run lanes(1); run committer(1)
	}
}

#ifdef LIVENESS
/* Every run ends with everything processed and committed, however it is scheduled. */
ltl everything_is_done { <> (processed == BELOW(N) && committed == N) }
#endif
