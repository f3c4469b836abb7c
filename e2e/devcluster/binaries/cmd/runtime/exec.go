package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	pb "k8s.io/cri-api/pkg/apis/runtime/v1"
	rc "k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
)

// afterKill is how long output is still read when a command was killed: a child of it may hold the pipe.
const afterKill = time.Second

// enter is the command line that runs something beside a container's first process, as the same user with the same powers.
func (c *container) enter(pid int, wrapper []string, cmd []string) []string {
	root := fmt.Sprintf("/proc/%d/root", pid)
	argv := []string{"nsenter", "--target", strconv.Itoa(pid), "--mount", "--pid", "--uts", "--ipc", "--net", "--wd=" + root + c.workingDir()}
	if !c.securityContext().GetPrivileged() {
		argv = append(argv, "--user", "--preserve-credentials")
	}
	argv = append(argv, "--")
	argv = append(argv, wrapper...)
	argv = append(argv, "setpriv", "--no-new-privs")
	if !c.securityContext().GetPrivileged() && c.user.uid == 0 {
		argv = append(argv, "--bounding-set", boundingSet(c.capabilities()))
	}
	argv = append(argv, "env", "-i")
	argv = append(argv, c.environment()...)
	return append(argv, cmd...)
}

func boundingSet(kept []string) string {
	set := "-all"
	for _, capability := range kept {
		set += ",+" + strings.ToLower(capability)
	}
	return set
}

// ExecSync answers DeadlineExceeded when the time is over: kubelet takes that for a failed probe.
func (r *runtime) ExecSync(ctx context.Context, q *pb.ExecSyncRequest) (*pb.ExecSyncResponse, error) {
	c, pid, err := r.running(q.ContainerId)
	if err != nil {
		return nil, err
	}
	if q.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(q.Timeout)*time.Second)
		defer cancel()
	}
	var stdout, stderr bytes.Buffer
	command := group(ctx, c.enter(pid, nil, q.Cmd))
	command.Stdout, command.Stderr = &stdout, &stderr
	err = command.Run()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, status.Errorf(codes.DeadlineExceeded, "command %q timed out", q.Cmd)
	}
	code, err := exitCode(err)
	if err != nil {
		return nil, err
	}
	return &pb.ExecSyncResponse{Stdout: stdout.Bytes(), Stderr: stderr.Bytes(), ExitCode: int32(code)}, nil
}

// group makes a command that is killed with all that it has started, which nsenter alone is not.
func group(ctx context.Context, argv []string) *exec.Cmd {
	command := exec.CommandContext(ctx, argv[0], argv[1:]...)
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return unix.Kill(-command.Process.Pid, unix.SIGKILL) }
	command.WaitDelay = afterKill
	return command
}

// exitCode tells the end of a command from the failure to run it.
func exitCode(err error) (int, error) {
	var exited *exec.ExitError
	if errors.As(err, &exited) {
		if wait := exited.Sys().(syscall.WaitStatus); wait.Signaled() {
			return 128 + int(wait.Signal()), nil
		}
		return exited.ExitCode(), nil
	}
	return 0, err
}

// streams serves exec and port-forward to kubelet's proxy.
type streams struct{ *runtime }

func (s streams) Exec(ctx context.Context, id string, cmd []string, in io.Reader, out, errors io.WriteCloser, tty bool, sizes <-chan rc.TerminalSize) error {
	c, pid, err := s.running(id)
	if err != nil {
		return err
	}
	if tty {
		err = onTerminal(ctx, c, pid, cmd, in, out, sizes)
	} else {
		err = onPipes(ctx, c, pid, cmd, in, out, errors)
	}
	code, err := exitCode(err)
	if err == nil && code != 0 {
		return utilexec.CodeExitError{Err: fmt.Errorf("command terminated with exit code %d", code), Code: code}
	}
	return err
}

func onPipes(ctx context.Context, c *container, pid int, cmd []string, in io.Reader, out, errors io.WriteCloser) error {
	command := group(ctx, c.enter(pid, nil, cmd))
	if out != nil {
		command.Stdout = out
	}
	if errors != nil {
		command.Stderr = errors
	}
	if in != nil { // not command.Stdin: its Wait would wait for a client that never closes
		pipe, err := command.StdinPipe()
		if err != nil {
			return err
		}
		go func() {
			io.Copy(pipe, in)
			pipe.Close()
		}()
	}
	return command.Run()
}

// onTerminal uses a terminal of the container's own /dev/pts, so that `tty` names it.
func onTerminal(ctx context.Context, c *container, pid int, cmd []string, in io.Reader, out io.Writer, sizes <-chan rc.TerminalSize) error {
	master, slave, err := openTerminal(fmt.Sprintf("/proc/%d/root/dev/pts", pid))
	if err != nil {
		return err
	}
	defer master.Close()
	command := group(ctx, c.enter(pid, []string{"setsid", "--ctty"}, cmd))
	command.Stdin, command.Stdout, command.Stderr = slave, slave, slave
	err = command.Start()
	slave.Close()
	if err != nil {
		return err
	}
	go resize(master, sizes)
	if in != nil {
		go io.Copy(master, in)
	}
	copied := make(chan struct{})
	go func() {
		io.Copy(out, master) // ends with EIO when the last process of the terminal has closed it
		close(copied)
	}()
	err = command.Wait()
	select {
	case <-copied:
	case <-time.After(afterKill):
	}
	return err
}

func openTerminal(folder string) (master, slave *os.File, err error) {
	if master, err = os.OpenFile(folder+"/ptmx", os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		return nil, nil, err
	}
	var number int
	err = control(master, func(fd int) (err error) {
		if number, err = unix.IoctlGetInt(fd, unix.TIOCGPTN); err != nil {
			return err
		}
		return unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	})
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("%s/%d", folder, number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		master.Close()
	}
	return master, slave, err
}

func resize(terminal *os.File, sizes <-chan rc.TerminalSize) {
	for size := range sizes {
		control(terminal, func(fd int) error { // fails when the command has ended
			return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: size.Height, Col: size.Width})
		})
	}
}

// control is an ioctl that does not make the file blocking, as Fd does: a read of it must end when it is closed.
func control(file *os.File, call func(fd int) error) error {
	connection, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	if err := connection.Control(func(fd uintptr) { result = call(int(fd)) }); err != nil {
		return err
	}
	return result
}

func (s streams) Attach(context.Context, string, io.Reader, io.WriteCloser, io.WriteCloser, bool, <-chan rc.TerminalSize) error {
	return errors.New("attach is not supported by this runtime: use exec or logs")
}

// PortForward reaches servers that listen on the Pod's loopback interface only, too.
func (s streams) PortForward(_ context.Context, id string, port int32, stream io.ReadWriteCloser) error {
	p, err := s.pod(id)
	if err != nil {
		return err
	}
	connection, err := dialLocal(p, port)
	if err != nil {
		return err
	}
	defer connection.Close()
	go func() {
		io.Copy(connection, stream)
		connection.CloseWrite()
	}()
	_, err = io.Copy(stream, connection)
	return err
}

func (r *runtime) Exec(_ context.Context, q *pb.ExecRequest) (*pb.ExecResponse, error) {
	if _, _, err := r.running(q.ContainerId); err != nil {
		return nil, err
	}
	return r.stream.GetExec(q)
}

func (r *runtime) Attach(_ context.Context, q *pb.AttachRequest) (*pb.AttachResponse, error) {
	return r.stream.GetAttach(q)
}

func (r *runtime) PortForward(_ context.Context, q *pb.PortForwardRequest) (*pb.PortForwardResponse, error) {
	return r.stream.GetPortForward(q)
}
