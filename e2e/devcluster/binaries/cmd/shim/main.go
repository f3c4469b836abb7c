// Shim is the parent of one container: it outlives the runtime, writes the container's log, and notes how it ended.
// When the shim is killed the container dies with it.
//
//	shim FOLDER
//
// prints "started" as soon as the container's first process exists, or what went wrong.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"tidegate.dev/e2e/devcluster/binaries/internal/task"
)

const (
	couldNotStart = 128 // the exit code of a container whose program could not be run
	setupPatience = 10 * time.Second
)

func main() {
	// "Die with the parent" means the parent's thread: the first one lasts as long as the process.
	runtime.LockOSThread()
	folder := task.Folder(os.Args[1])
	if err := run(folder); err != nil {
		fmt.Println(err)
		log.Fatal(err)
	}
}

func run(folder task.Folder) error {
	spec, err := folder.Spec()
	if err != nil {
		return err
	}
	alive, err := os.OpenFile(folder.Alive(), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer alive.Close()
	output, err := openLog(spec.Log)
	if err != nil {
		return err
	}
	reopenOnHangup(output)
	return supervise(folder, spec, output)
}

func supervise(folder task.Folder, spec task.Spec, output *containerLog) error {
	status := task.Status{Shim: os.Getpid()}
	command, first, copied, err := start(spec, output)
	if err != nil {
		return err
	}
	status.Pid, status.StartedAt = first.Pid, time.Now().UnixNano()
	waitForProgram(status.Pid)
	if status.Pid != 0 {
		if err := folder.WriteStatus(status); err != nil {
			return err
		}
		fmt.Println("started")
		os.Stdout.Close()
	}
	ended, err := command.Process.Wait()
	if err != nil {
		return err
	}
	first.killRest()
	copied.Wait()
	finish(&status, ended, output.lastError())
	if status.Pid == 0 {
		fmt.Println(status.Message)
	}
	return folder.WriteStatus(status)
}

// start runs the command; first is zero when it ended before it had made the container's first process.
func start(spec task.Spec, output *containerLog) (*exec.Cmd, firstProcess, *sync.WaitGroup, error) {
	info, infoWriter, err := os.Pipe()
	if err != nil {
		return nil, firstProcess{}, nil, err
	}
	defer info.Close()
	gate, opens, err := os.Pipe()
	if err != nil {
		return nil, firstProcess{}, nil, err
	}
	defer opens.Close() // the container's first process waits for this before it goes on
	command := exec.Command(spec.Argv[0], spec.Argv[1:]...)
	command.ExtraFiles = []*os.File{infoWriter, gate}
	stdout, _ := command.StdoutPipe() // fails only when Stdout was set before
	stderr, _ := command.StderrPipe()
	if err := command.Start(); err != nil {
		return nil, firstProcess{}, nil, err
	}
	infoWriter.Close()
	gate.Close()
	copied := &sync.WaitGroup{}
	copied.Go(func() { output.copy("stdout", stdout) })
	copied.Go(func() { output.copy("stderr", stderr) })
	return command, readFirst(info), copied, nil
}

// firstProcess is what bubblewrap writes to its --info-fd: the process, and the mount namespace that all its children share.
type firstProcess struct {
	Pid    int    `json:"child-pid"`
	Mounts uint64 `json:"mnt-namespace"`
	pinned *os.File
}

// readFirst pins the namespace: the number of one that is gone is given to the next container, which would be killed as its rest.
func readFirst(info io.Reader) firstProcess {
	var told firstProcess
	if json.NewDecoder(info).Decode(&told) != nil {
		return firstProcess{}
	}
	told.pinned, _ = os.Open(fmt.Sprintf("/proc/%d/ns/mnt", told.Pid)) // fails for a process that was killed, which left nothing
	return told
}

// killRest ends what a container's first process left behind, which lives on where that was not PID 1.
func (f firstProcess) killRest() {
	if f.pinned == nil {
		return
	}
	defer f.pinned.Close()
	for killSharing(fmt.Sprintf("mnt:[%d]", f.Mounts)) {
		time.Sleep(time.Millisecond)
	}
}

// killSharing says whether there were any.
func killSharing(namespace string) bool {
	found := false
	folders, _ := filepath.Glob("/proc/[0-9]*") // fails for a bad pattern only
	for _, folder := range folders {
		if link, err := os.Readlink(folder + "/ns/mnt"); err != nil || link != namespace {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(folder)); err == nil {
			syscall.Kill(pid, syscall.SIGKILL)
			found = true
		}
	}
	return found
}

// waitForProgram returns when the first process is no longer bubblewrap, which prepares its mounts: whatever is run
// beside it before that would see the machine's files. It returns as well when the process has ended.
func waitForProgram(pid int) {
	for deadline := time.Now().Add(setupPatience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		if err != nil || filepath.Base(program) != "bwrap" {
			return
		}
	}
}

func finish(status *task.Status, state *os.ProcessState, lastError string) {
	status.FinishedAt, status.ExitCode, status.Reason = time.Now().UnixNano(), exitCode(state), task.Completed
	if status.ExitCode != 0 {
		status.Reason = task.Failed
	}
	if status.ExitCode == 1 && strings.HasPrefix(lastError, "bwrap: ") {
		status.ExitCode, status.Reason = couldNotStart, task.StartError
		status.Message = strings.TrimPrefix(lastError, "bwrap: ")
	}
}

func exitCode(state *os.ProcessState) int32 {
	if wait, ok := state.Sys().(syscall.WaitStatus); ok && wait.Signaled() {
		return 128 + int32(wait.Signal())
	}
	return int32(state.ExitCode())
}

func reopenOnHangup(output *containerLog) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	go func() {
		for range hangup {
			if err := output.reopen(); err != nil {
				log.Print(err)
			}
		}
	}()
}
