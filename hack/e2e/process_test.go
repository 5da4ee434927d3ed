package e2e

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a program that runs in a process group of its own, so that what
// it starts can be stopped with it.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error          // of Wait, once done is closed
	ask  syscall.Signal // to end; zero: SIGTERM
}

var running struct {
	sync.Mutex
	processes map[*process]bool
}

func spawn(cmd *exec.Cmd) (*process, error) {
	// Pdeathsig is sent when the thread that forked ends, so that thread waits
	// for the process. It is for the runs that get no chance to clean up.
	if cmd.SysProcAttr == nil { // else it has a session of its own, which is a group too
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	cmd.WaitDelay = 5 * time.Second
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		if err == nil {
			track(p, true)
		}
		started <- err
		if err != nil {
			return
		}
		p.err = cmd.Wait()
		track(p, false)
		close(p.done)
	}()
	return p, <-started
}

func track(p *process, alive bool) {
	running.Lock()
	defer running.Unlock()
	if running.processes == nil {
		running.processes = map[*process]bool{}
	}
	if alive {
		running.processes[p] = true
	} else {
		delete(running.processes, p)
	}
}

func killAll() {
	running.Lock()
	defer running.Unlock()
	for p := range running.processes {
		p.signal(syscall.SIGKILL)
	}
}

func (p *process) signal(sig syscall.Signal) {
	syscall.Kill(-p.cmd.Process.Pid, sig)
	if !p.cmd.SysProcAttr.Setsid {
		return
	}
	// A shell's jobs have groups of their own.
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		text, _ := os.ReadFile(file)
		_, rest, _ := strings.Cut(string(text), ") ") // proc(5): pid (comm) state ppid pgrp session
		if fields := strings.Fields(rest); len(fields) > 3 && fields[3] == strconv.Itoa(p.cmd.Process.Pid) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			syscall.Kill(pid, sig)
		}
	}
}

// stop asks, and then insists.
func (p *process) stop() {
	p.signal(cmp.Or(p.ask, syscall.SIGTERM))
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		p.signal(syscall.SIGKILL)
		<-p.done
	}
}

// component is a server that runs until the end of the tests.
type component struct {
	*process
	name, log string
}

// components are stopped in the reverse order of their starts: an API server
// whose etcd is gone would hang in its shutdown.
var (
	components   []component
	componentsMu sync.Mutex
)

func addComponent(c component) {
	componentsMu.Lock()
	defer componentsMu.Unlock()
	components = append(components, c)
}

func stopComponents() {
	for len(components) > 0 {
		last := len(components) - 1
		components[last].stop()
		components = components[:last]
	}
}

func startComponent(name string, env []string, args ...string) (component, error) {
	path, err := tool(name)
	if err != nil {
		return component{}, err
	}
	log, err := os.CreateTemp(scratch, name+"-*.log")
	if err != nil {
		return component{}, err
	}
	defer log.Close()
	cmd := exec.Command(path, args...)
	cmd.Dir = scratch
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + scratch}, env...)
	cmd.Stdout, cmd.Stderr = log, log
	p, err := spawn(cmd)
	if err != nil {
		return component{}, fmt.Errorf("%s: %w", name, err)
	}
	c := component{process: p, name: name, log: log.Name()}
	addComponent(c)
	return c, nil
}

// ready waits until a health page answers 200; it fails with the end of the log.
func (c component) ready(url string) error {
	client := http.Client{
		Timeout:   2 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.roots}},
	}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		resp, err := client.Get(url)
		if err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-c.done:
			return fmt.Errorf("%s has ended: %w\n%s", c.name, c.err, tail(c.log))
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready after a minute\n%s", c.name, tail(c.log))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func tail(file string) []byte {
	text, _ := os.ReadFile(file)
	lines := bytes.SplitAfter(text, []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-20):], nil)
}

// freeAddress is for servers that can't take port 0. Nothing holds the port
// until they do; another program would have to be given it in between.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// killWrittenSession ends a session that is not of the tests' own processes, by
// the number of its leader, which that wrote into a file, if it did.
func killWrittenSession(file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		return
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	for err == nil && pid > 1 && syscall.Kill(-pid, syscall.SIGKILL) == nil {
		time.Sleep(10 * time.Millisecond) // until none is left
	}
}
