package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
	pb "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// pauseScript is the first process of a Pod's containers: it shows them their processes, buries those that lost their parent
// (the kernel does, where SIGCHLD is ignored), and heeds no signal, being the first.
const pauseScript = `mount -t proc proc "$0" && trap "" CHLD && echo ready && exec sleep infinity >&-`

// sharesProcesses is `shareProcessNamespace`: no container's program is PID 1, and all see each other.
func sharesProcesses(p *pod) bool {
	options := p.config.GetLinux().GetSecurityContext().GetNamespaceOptions()
	return options != nil && options.Pid == pb.NamespaceMode_POD
}

func (p *pod) procFolder() string { return filepath.Join(p.folder, "proc") }

// startPause returns when the namespace can be joined. Its process outlives this program.
func startPause(proc string) (int, error) {
	if err := os.MkdirAll(proc, 0o755); err != nil {
		return 0, err
	}
	first := exec.Command("sh", "-c", pauseScript, proc)
	first.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Setsid: true}
	told, err := first.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := first.Start(); err != nil {
		return 0, err
	}
	_, err = bufio.NewReader(told).ReadString('\n')
	go first.Wait() // nothing but its burial
	if err != nil {
		return 0, errors.New("the Pod's process namespace could not be made")
	}
	return first.Process.Pid, nil
}

// endPause takes along whatever still runs in the namespace.
func endPause(p *pod) {
	if p.pause != 0 {
		unix.Kill(p.pause, unix.SIGKILL)
		unix.Unmount(p.procFolder(), unix.MNT_DETACH)
	}
}

// joined is what a container's command line begins with: the namespaces that it shares with others of its Pod. Only what
// bubblewrap starts is in the joined process namespace, not bubblewrap itself.
func (p *pod) joined() []string {
	var argv []string
	if p.address != "" {
		argv = append(argv, "--net="+namespaceFile(p.id))
	}
	if p.pause != 0 {
		argv = append(argv, fmt.Sprintf("--pid=/proc/%d/ns/pid", p.pause), "--no-fork")
	}
	if argv == nil {
		return nil
	}
	return append(append([]string{"nsenter"}, argv...), "--")
}

// processes are the container's own, its program the first one, or those of the Pod.
func (p *pod) processes() []string {
	if p.pause != 0 {
		return []string{"--bind", p.procFolder(), "/proc"}
	}
	return []string{"--unshare-pid", "--as-pid-1", "--proc", "/proc"}
}
