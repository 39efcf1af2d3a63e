// Package bench judges limiters that other projects ship, as they are, beside
// those of package flow. It is a module of its own, so that nobody who uses Weir
// depends on them. A library that reads the wall clock is driven inside a
// testing/synctest bubble, so the judgement is a test:
//
//	cd flow/bench && go test -v -run Table -args -set named,fleet -seed 7
package bench
