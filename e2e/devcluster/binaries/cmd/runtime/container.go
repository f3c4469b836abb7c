package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	pb "k8s.io/cri-api/pkg/apis/runtime/v1"

	"tidegate.dev/e2e/devcluster/binaries/internal/task"
)

const (
	killedExitCode = 137              // 128 + SIGKILL
	killPatience   = 10 * time.Second // for a process that was sent SIGKILL
)

func (r *runtime) CreateContainer(_ context.Context, q *pb.CreateContainerRequest) (*pb.CreateContainerResponse, error) {
	p, err := r.pod(q.PodSandboxId)
	if err != nil {
		return nil, err
	}
	row, err := r.images.find(imageName(q.Config.Image))
	if err != nil {
		return nil, err
	}
	id := newID()
	c := &container{id: id, folder: r.containerFolder(id), pod: p, createdAt: time.Now().UnixNano(), config: q.Config,
		image: row, user: userOf(q.Config.GetLinux().GetSecurityContext(), row.User),
		resources: q.Config.GetLinux().GetResources(), ended: make(chan struct{})}
	if err := r.createFiles(c); err != nil {
		os.RemoveAll(string(c.folder))
		return nil, err
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.containers[id] = c
	return &pb.CreateContainerResponse{ContainerId: id}, nil
}

func (r *runtime) createFiles(c *container) error {
	if err := os.MkdirAll(string(c.folder), 0o755); err != nil {
		return err
	}
	argv, err := r.commandLine(c)
	if err != nil {
		return err
	}
	if err := syscall.Mkfifo(c.folder.Alive(), 0o600); err != nil {
		return err
	}
	if err := c.folder.WriteSpec(task.Spec{Argv: argv, Log: c.logPath()}); err != nil {
		return err
	}
	return r.saveContainer(c)
}

func (c *container) logPath() string {
	return filepath.Join(c.pod.config.LogDirectory, c.config.LogPath)
}

func (r *runtime) StartContainer(_ context.Context, q *pb.StartContainerRequest) (*pb.StartContainerResponse, error) {
	c, err := r.container(q.ContainerId)
	if err != nil {
		return nil, err
	}
	if r.statusOf(c).StartedAt != 0 {
		return nil, status.Errorf(codes.FailedPrecondition, "container %s was started before", c.id)
	}
	if err := r.startShim(c); err != nil {
		return nil, err
	}
	started, err := c.folder.Status()
	if err != nil {
		return nil, err
	}
	r.mutex.Lock()
	c.status = started
	r.mutex.Unlock()
	go r.waitForEnd(c)
	return &pb.StartContainerResponse{}, nil
}

// startShim returns as soon as the container's first process exists.
func (r *runtime) startShim(c *container) error {
	shim := exec.Command(r.shim, string(c.folder))
	shim.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	problems, err := os.OpenFile(c.folder.File("shim.log"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer problems.Close()
	shim.Stderr = problems
	told, err := shim.StdoutPipe()
	if err != nil {
		return err
	}
	if err := shim.Start(); err != nil {
		return err
	}
	line, _ := bufio.NewReader(told).ReadString('\n') // no line at all is the error
	io.Copy(io.Discard, told)
	go shim.Wait() // nothing but its burial: how the container ended is in a file
	if line = strings.TrimSpace(line); line != "started" {
		return fmt.Errorf("the container could not be started: %s", line)
	}
	return nil
}

// waitForEnd notes the end of a container, also one that an earlier run of this program started.
func (r *runtime) waitForEnd(c *container) {
	if alive, err := os.OpenFile(c.folder.Alive(), os.O_RDONLY|syscall.O_NONBLOCK, 0); err == nil {
		io.Copy(io.Discard, alive) // until the shim ends
		alive.Close()
	}
	ended, err := c.folder.Status()
	if err != nil {
		log.Printf("container %s: %v", c.id, err)
	}
	if ended.FinishedAt == 0 { // the shim was killed, and the container with it
		ended.FinishedAt, ended.ExitCode, ended.Reason = time.Now().UnixNano(), killedExitCode, task.Failed
	}
	r.mutex.Lock()
	c.status = ended
	r.mutex.Unlock()
	close(c.ended)
}

func (r *runtime) StopContainer(_ context.Context, q *pb.StopContainerRequest) (*pb.StopContainerResponse, error) {
	c, err := r.container(q.ContainerId)
	if status.Code(err) == codes.NotFound {
		return &pb.StopContainerResponse{}, nil
	}
	return &pb.StopContainerResponse{}, r.stop(c, time.Duration(q.Timeout)*time.Second)
}

// stop sends the stop signal, waits, and kills. A container that does not run is left as it is.
func (r *runtime) stop(c *container, grace time.Duration) error {
	s := r.statusOf(c)
	if s.StartedAt == 0 || s.FinishedAt != 0 {
		return nil
	}
	if grace > 0 {
		unix.Kill(s.Pid, c.stopSignal())
		if c.endsWithin(grace) {
			return nil
		}
	}
	unix.Kill(s.Pid, unix.SIGKILL)
	if !c.endsWithin(killPatience) {
		return fmt.Errorf("container %s does not end", c.id)
	}
	return nil
}

func (c *container) stopSignal() unix.Signal {
	if named := c.config.StopSignal; named != pb.Signal_SIGNAL_RUNTIME_DEFAULT {
		if number := unix.SignalNum(strings.TrimPrefix(named.String(), "SIGNAL_")); number != 0 {
			return number
		}
	}
	return unix.SIGTERM
}

func (c *container) endsWithin(limit time.Duration) bool {
	select {
	case <-c.ended:
		return true
	case <-time.After(limit):
		return false
	}
}

func (r *runtime) RemoveContainer(_ context.Context, q *pb.RemoveContainerRequest) (*pb.RemoveContainerResponse, error) {
	c, err := r.container(q.ContainerId)
	if status.Code(err) == codes.NotFound {
		return &pb.RemoveContainerResponse{}, nil
	}
	if err := r.stop(c, 0); err != nil {
		return nil, err
	}
	return &pb.RemoveContainerResponse{}, r.remove(c)
}

func (r *runtime) remove(c *container) error {
	r.mutex.Lock()
	delete(r.containers, c.id)
	r.mutex.Unlock()
	return os.RemoveAll(string(c.folder))
}

func (r *runtime) ContainerStatus(_ context.Context, q *pb.ContainerStatusRequest) (*pb.ContainerStatusResponse, error) {
	c, err := r.container(q.ContainerId)
	if err != nil {
		return nil, err
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	s, id := c.status, c.image.id()
	return &pb.ContainerStatusResponse{Status: &pb.ContainerStatus{
		Id: c.id, Metadata: c.config.Metadata, State: c.state(), CreatedAt: c.createdAt,
		StartedAt: s.StartedAt, FinishedAt: s.FinishedAt, ExitCode: s.ExitCode, Reason: s.Reason, Message: s.Message,
		Image: c.config.Image, ImageRef: id, ImageId: id, Labels: c.config.Labels, Annotations: c.config.Annotations,
		Mounts: c.config.Mounts, LogPath: c.logPath(), StopSignal: c.config.StopSignal,
		Resources: &pb.ContainerResources{Linux: c.resources},
		User:      &pb.ContainerUser{Linux: &pb.LinuxContainerUser{Uid: c.user.uid, Gid: c.user.gid}},
	}}, nil
}

func (r *runtime) ListContainers(_ context.Context, q *pb.ListContainersRequest) (*pb.ListContainersResponse, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	answer := &pb.ListContainersResponse{}
	for _, c := range r.containers {
		if c.matches(q.Filter) {
			answer.Containers = append(answer.Containers, &pb.Container{Id: c.id, PodSandboxId: c.pod.id,
				Metadata: c.config.Metadata, Image: c.config.Image, ImageRef: c.image.id(), ImageId: c.image.id(),
				State: c.state(), CreatedAt: c.createdAt, Labels: c.config.Labels, Annotations: c.config.Annotations})
		}
	}
	return answer, nil
}

func (c *container) state() pb.ContainerState {
	switch {
	case c.status.FinishedAt != 0:
		return pb.ContainerState_CONTAINER_EXITED
	case c.status.StartedAt != 0:
		return pb.ContainerState_CONTAINER_RUNNING
	}
	return pb.ContainerState_CONTAINER_CREATED
}

func (c *container) matches(f *pb.ContainerFilter) bool {
	return f == nil || (f.Id == "" || strings.HasPrefix(c.id, f.Id)) && (f.PodSandboxId == "" || f.PodSandboxId == c.pod.id) &&
		(f.State == nil || f.State.State == c.state()) && hasLabels(c.config.Labels, f.LabelSelector)
}

// UpdateContainerResources remembers what kubelet wants to read back; limits are not enforced.
func (r *runtime) UpdateContainerResources(_ context.Context, q *pb.UpdateContainerResourcesRequest) (*pb.UpdateContainerResourcesResponse, error) {
	c, err := r.container(q.ContainerId)
	if err != nil {
		return nil, err
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	c.resources = q.Linux
	return &pb.UpdateContainerResourcesResponse{}, nil
}

// ReopenContainerLog returns when the log that kubelet has just renamed is there anew.
func (r *runtime) ReopenContainerLog(_ context.Context, q *pb.ReopenContainerLogRequest) (*pb.ReopenContainerLogResponse, error) {
	c, _, err := r.running(q.ContainerId)
	if err != nil {
		return nil, err
	}
	if err := unix.Kill(r.statusOf(c).Shim, unix.SIGHUP); err != nil {
		return nil, err
	}
	for range 200 {
		if _, err := os.Stat(c.logPath()); err == nil {
			return &pb.ReopenContainerLogResponse{}, nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return nil, fmt.Errorf("the log of container %s was not opened again", c.id)
}
