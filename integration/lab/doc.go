// Package lab runs the binary in processes of its own, with a broker in another
// and an HTTP service behind them, does to them what happens to processes, and
// writes down from outside what they did: the ledger of package ledger, to be
// judged by package checker.
//
// Nothing that a process says of its records is believed. The service notes the
// effects, and a proxy between each process and the broker notes commits and dead
// letters as they pass. When a session begins and ends is read from the log of
// the process: what was written there before a request was sent is read before
// that request has an effect.
package lab
