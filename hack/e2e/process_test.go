package e2e

import (
	"bytes"
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
	"sync"
	"syscall"
	"time"
)

// process is a program that runs in a process group of its own, so that what
// it starts can be stopped with it.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of Wait, once done is closed
}

var running struct {
	sync.Mutex
	processes map[*process]bool
}

func spawn(cmd *exec.Cmd) (*process, error) {
	// Pdeathsig is sent when the thread that forked ends, so that thread waits
	// for the process. It is for the runs that get no chance to clean up.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
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

func (p *process) signal(sig syscall.Signal) { syscall.Kill(-p.cmd.Process.Pid, sig) }

// stop asks, and then insists.
func (p *process) stop() {
	p.signal(syscall.SIGTERM)
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
var components []component

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
	log, err := os.Create(filepath.Join(scratch, name+".log"))
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
	components = append(components, c)
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
