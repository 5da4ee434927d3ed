package acquire

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/sso-exec/sso-exec/internal/fault"
	"github.com/sso-exec/sso-exec/internal/settings"
	"github.com/sso-exec/sso-exec/internal/talk"
	"github.com/sso-exec/sso-exec/internal/userfile"
)

// NewLog returns the log: lines on stderr, or in a file of our own. Values that
// are secrets mask themselves.
func NewLog(o *settings.Resolved) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.Report.LogLevel)); err != nil {
		return nil, fault.Usagef("--log-level: %w", err)
	}
	if o.Report.Verbose {
		level = min(level, slog.LevelInfo)
	}
	if o.Report.LogFile == "" {
		return slog.New(&lineHandler{w: talk.Stderr, level: level}), nil
	}
	f, err := userfile.OpenLog(o.Report.LogFile)
	if fault.Holds[*userfile.UnsafeError](err) {
		return nil, err
	}
	if err != nil {
		return nil, fault.Usagef("--log-file: %w", err)
	}
	return slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: level})), nil
}

// lineHandler writes "sso-exec: warning: what" lines, without times, since a
// person reads along.
type lineHandler struct {
	mu    sync.Mutex
	w     io.Writer
	level slog.Level
}

func (h *lineHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }
func (h *lineHandler) WithAttrs([]slog.Attr) slog.Handler           { return h }
func (h *lineHandler) WithGroup(string) slog.Handler                { return h }

func (h *lineHandler) Handle(_ context.Context, r slog.Record) error {
	level := strings.ToLower(r.Level.String())
	if r.Level == slog.LevelWarn {
		level = "warning"
	}
	line := r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += fmt.Sprintf(" %s=%v", a.Key, a.Value)
		return true
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := fmt.Fprintf(h.w, "sso-exec: %s: %s\n", level, talk.OneLine(line))
	return err
}
