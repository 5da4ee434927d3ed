package userfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/sso-exec/sso-exec/internal/fault"
)

// This file reads a secret from a file descriptor that the parent has opened.

const (
	// maxDescriptor bounds what is read from a descriptor.
	maxDescriptor = 64 << 10
	// descriptorTime is how long it may take to come, as long as a helper may.
	descriptorTime = 30 * time.Second
)

// descriptor is one that was named. It can be read once, and a run may need the
// secret again: run --renew asks for tokens for as long as the command runs.
type descriptor struct {
	inherited, terminal bool
	file                *os.File // never closed: another file would get the number
	once                sync.Once
	ended               chan struct{}
	text                []byte
	err                 error
}

var descriptors struct {
	sync.Mutex
	m map[int]*descriptor
}

// ClaimDescriptor looks at a descriptor before this process opens files of its
// own, one of which could have that number: a lock file's content would be sent
// to the provider for a secret. From here on no program that is started gets it.
func ClaimDescriptor(fd int) { claim(fd) }

func claim(fd int) *descriptor {
	descriptors.Lock()
	defer descriptors.Unlock()
	d := descriptors.m[fd]
	if d == nil {
		handle, inherited := takeInherited(fd)
		d = &descriptor{inherited: inherited, ended: make(chan struct{})}
		if d.inherited {
			d.file = os.NewFile(handle, "descriptor")
			st, err := d.file.Stat()
			d.terminal = err == nil && isTerminal(fd, st)
		}
		if descriptors.m == nil {
			descriptors.m = map[int]*descriptor{}
		}
		descriptors.m[fd] = d
	}
	return d
}

// ReadDescriptor reads a secret from a file descriptor to its end, once in a
// process.
func ReadDescriptor(ctx context.Context, fd int) ([]byte, error) {
	d := claim(fd)
	switch {
	case !d.inherited:
		return nil, fault.InUsage(fmt.Errorf("--client-secret-fd %d: no such descriptor", fd), instead(fd))
	case d.terminal:
		return nil, fault.InUsage(
			fmt.Errorf("--client-secret-fd %d: that is a terminal, and secrets are not read from terminals", fd), instead(fd))
	}
	d.once.Do(func() {
		go func() { // a read from a pipe cannot be interrupted
			defer close(d.ended)
			d.text, d.err = io.ReadAll(io.LimitReader(d.file, maxDescriptor+1))
		}()
	})
	late := time.NewTimer(descriptorTime)
	defer late.Stop()
	select {
	case <-d.ended:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-late.C:
		return nil, &fault.Error{Kind: fault.Unavailable, Err: fmt.Errorf(
			"the client's secret: --client-secret-fd %d: the writer did not close it within %v", fd, descriptorTime)}
	}
	switch {
	case d.err != nil:
		return nil, fault.Usagef("--client-secret-fd %d: %w", fd, cause(d.err))
	case len(d.text) > maxDescriptor:
		return nil, fault.Usagef("--client-secret-fd %d: there are more than %d bytes", fd, maxDescriptor)
	}
	return d.text, nil
}

// cause is an error of a file without the file's name, which is made up here.
func cause(err error) error {
	if path, ok := errors.AsType[*os.PathError](err); ok {
		return path.Err
	}
	return err
}
