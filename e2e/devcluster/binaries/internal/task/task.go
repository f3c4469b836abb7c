// Package task is what the runtime and a container's shim tell each other, as files in the container's folder.
package task

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Reasons for a container's end, as containerd names them.
const (
	Completed  = "Completed"
	Failed     = "Error"
	StartError = "StartError"
)

// Spec is what the shim is to run: a whole command line, and the log that its output goes to.
type Spec struct {
	Argv []string `json:"argv"`
	Log  string   `json:"log"`
}

// Status is what became of it. Times are nanoseconds since 1970, zero when not yet reached; Pid is the container's
// first process as the machine sees it.
type Status struct {
	Shim       int    `json:"shim"`
	Pid        int    `json:"pid"`
	StartedAt  int64  `json:"startedAt"`
	FinishedAt int64  `json:"finishedAt"`
	ExitCode   int32  `json:"exitCode"`
	Reason     string `json:"reason"`
	Message    string `json:"message"`
}

// Folder holds one container's files.
type Folder string

func (f Folder) File(name string) string { return filepath.Join(string(f), name) }

// Alive is a FIFO that the shim holds open for writing: its readers see the end of file when the shim ends.
func (f Folder) Alive() string { return f.File("alive") }

func (f Folder) Spec() (Spec, error) { return Read[Spec](f.File("spec.json")) }

// Status returns the zero value for a container that was never started.
func (f Folder) Status() (Status, error) {
	status, err := Read[Status](f.File("status.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return Status{}, nil
	}
	return status, err
}

func (f Folder) WriteSpec(s Spec) error     { return Write(f.File("spec.json"), s) }
func (f Folder) WriteStatus(s Status) error { return Write(f.File("status.json"), s) }

// Read parses a JSON file.
func Read[T any](path string) (T, error) {
	var value T
	data, err := os.ReadFile(path)
	if err != nil {
		return value, err
	}
	return value, json.Unmarshal(data, &value)
}

// Write replaces a file at once, so that no reader sees half of it.
func Write(path string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	draft := path + ".new"
	if err := os.WriteFile(draft, data, 0o600); err != nil {
		return err
	}
	return os.Rename(draft, path)
}
