package proof

import (
	"fmt"
	"time"
)

// act is a kind of fault.
type act string

const (
	join      act = "member joins"
	leave     act = "member leaves"
	kill      act = "member killed"
	restart   act = "static member restarts"
	crash     act = "static member is killed and restarts"
	cutOff    act = "member cut off"
	heal      act = "member healed" // ends a cut
	freeze    act = "member frozen"
	thaw      act = "member thawed"
	snap      act = "member's connections end"
	jump      act = "member's clock jumps"
	nodeDown  act = "broker leaves"
	nodeUp    act = "broker returns"
	stall     act = "broker stalls"
	lead      act = "leader moves"
	rehash    act = "coordinator moves"
	refuse    act = "request refused"
	unreplied act = "reply dropped"
	slow      act = "replies slow"
	behave    act = "sink"
	grow      act = "partitions added"
	flood     act = "large records written"
)

// action is one fault at its time. Only the fields that its act needs are set.
type action struct {
	at       time.Duration
	act      act
	instance int
	node     int32
	part     int32
	answer   answer
	call     call
	count    int
	lasts    time.Duration
	delay    time.Duration
	mode     mode
	letters  bool // of the dead-letter sink
}

// name is the kind under which an action is counted.
func (a action) name() string {
	switch a.act {
	case refuse:
		return string(a.act) + ": " + a.answer.call.name()
	case unreplied:
		return string(a.act) + ": " + a.call.name()
	case behave:
		if a.letters {
			return "dead-letter sink " + string(a.mode)
		}
		return "sink " + string(a.mode)
	default:
		return string(a.act)
	}
}

// String is the action for the reader.
func (a action) String() string {
	s := a.name()
	for _, v := range []struct {
		name string
		set  bool
		v    any
	}{
		{"instance", a.instance > 0, a.instance},
		{"node", a.act == nodeDown || a.act == nodeUp || a.act == stall || a.act == slow || a.act == lead, a.node},
		{"partition", a.act == lead, a.part},
		{"with", a.answer.err != nil, a.answer.err},
		{"times", a.count > 0, a.count},
		{"for", a.lasts > 0, a.lasts},
		{"by", a.delay > 0, a.delay},
	} {
		if v.set {
			s += fmt.Sprintf(" %s %v", v.name, v.v)
		}
	}
	return s
}
