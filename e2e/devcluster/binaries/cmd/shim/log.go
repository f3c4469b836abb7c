package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// A longer line is written in parts, each but the last tagged P (partial): the CRI log format.
const longestPart = 16 << 10

// containerLog is a log file in the CRI format, written by two streams and reopened after a rotation.
type containerLog struct {
	path  string
	mutex sync.Mutex
	file  *os.File
	error string // the last line of stderr
}

func openLog(path string) (*containerLog, error) {
	output := &containerLog{path: path}
	return output, output.reopen()
}

func (l *containerLog) reopen() error {
	if err := os.MkdirAll(filepath.Dir(l.path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.file != nil {
		l.file.Close()
	}
	l.file = file
	return nil
}

// copy ends with the stream: the container's end.
func (l *containerLog) copy(stream string, from io.Reader) {
	reader := bufio.NewReaderSize(from, longestPart)
	for {
		part, err := reader.ReadSlice('\n')
		whole := !errors.Is(err, bufio.ErrBufferFull)
		if len(part) > 0 {
			l.write(stream, whole, bytes.TrimSuffix(part, []byte("\n")))
		}
		if err != nil && whole {
			return
		}
	}
}

func (l *containerLog) write(stream string, whole bool, part []byte) {
	tag := "F"
	if !whole {
		tag = "P"
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	fmt.Fprintf(l.file, "%s %s %s %s\n", time.Now().Format("2006-01-02T15:04:05.000000000Z07:00"), stream, tag, part)
	if stream == "stderr" {
		l.error = string(part)
	}
}

func (l *containerLog) lastError() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.error
}
