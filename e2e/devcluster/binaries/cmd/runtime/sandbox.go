package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	pb "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const sharedMemory = "size=64m,mode=1777" // of all containers of a Pod together, as with containerd

func (r *runtime) RunPodSandbox(_ context.Context, q *pb.RunPodSandboxRequest) (*pb.RunPodSandboxResponse, error) {
	id := newID()
	p := &pod{id: id, folder: r.podFolder(id), createdAt: time.Now().UnixNano(), config: q.Config, ready: true}
	if err := r.createPod(p); err != nil {
		r.destroyPod(p)
		return nil, errors.Join(err, os.RemoveAll(p.folder))
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.pods[id] = p
	return &pb.RunPodSandboxResponse{PodSandboxId: id}, nil
}

func (r *runtime) createPod(p *pod) error {
	shm := filepath.Join(p.folder, "shm")
	for _, folder := range []string{p.config.LogDirectory, shm} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
	}
	if err := unix.Mount("shm", shm, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, sharedMemory); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(p.folder, "resolv.conf"), resolvConf(p.config.DnsConfig), 0o644); err != nil {
		return err
	}
	if !onHostNetwork(p) {
		address, err := r.network.create(p.id, p.config.GetLinux().GetSysctls())
		if err != nil {
			return err
		}
		p.address = address
	}
	if sharesProcesses(p) {
		pause, err := startPause(p.procFolder())
		if err != nil {
			return err
		}
		p.pause = pause
	}
	return r.savePod(p)
}

func (r *runtime) destroyPod(p *pod) {
	endPause(p)
	unix.Unmount(filepath.Join(p.folder, "shm"), unix.MNT_DETACH) // fails when it is gone already
	if p.address != "" {
		r.network.remove(p.id, p.address)
	}
}

func onHostNetwork(p *pod) bool {
	return p.config.GetLinux().GetSecurityContext().GetNamespaceOptions().GetNetwork() == pb.NamespaceMode_NODE
}

func resolvConf(dns *pb.DNSConfig) []byte {
	var text strings.Builder
	for _, server := range dns.GetServers() {
		text.WriteString("nameserver " + server + "\n")
	}
	if len(dns.GetSearches()) > 0 {
		text.WriteString("search " + strings.Join(dns.Searches, " ") + "\n")
	}
	if len(dns.GetOptions()) > 0 {
		text.WriteString("options " + strings.Join(dns.Options, " ") + "\n")
	}
	return []byte(text.String())
}

// StopPodSandbox is idempotent, and does nothing for a sandbox that was never there.
func (r *runtime) StopPodSandbox(_ context.Context, q *pb.StopPodSandboxRequest) (*pb.StopPodSandboxResponse, error) {
	p, err := r.pod(q.PodSandboxId)
	if status.Code(err) == codes.NotFound {
		return &pb.StopPodSandboxResponse{}, nil
	}
	return &pb.StopPodSandboxResponse{}, r.stopPod(p)
}

func (r *runtime) stopPod(p *pod) error {
	for _, c := range r.containersOf(p) {
		if err := r.stop(c, 0); err != nil {
			return err
		}
	}
	r.mutex.Lock()
	wasReady := p.ready
	p.ready = false
	r.mutex.Unlock()
	if !wasReady {
		return nil
	}
	r.destroyPod(p)
	return os.WriteFile(filepath.Join(p.folder, "stopped"), nil, 0o600)
}

func (r *runtime) RemovePodSandbox(_ context.Context, q *pb.RemovePodSandboxRequest) (*pb.RemovePodSandboxResponse, error) {
	p, err := r.pod(q.PodSandboxId)
	if status.Code(err) == codes.NotFound {
		return &pb.RemovePodSandboxResponse{}, nil
	}
	if err := r.stopPod(p); err != nil {
		return nil, err
	}
	for _, c := range r.containersOf(p) {
		if err := r.remove(c); err != nil {
			return nil, err
		}
	}
	r.mutex.Lock()
	delete(r.pods, p.id)
	r.mutex.Unlock()
	return &pb.RemovePodSandboxResponse{}, os.RemoveAll(p.folder)
}

func (r *runtime) PodSandboxStatus(_ context.Context, q *pb.PodSandboxStatusRequest) (*pb.PodSandboxStatusResponse, error) {
	p, err := r.pod(q.PodSandboxId)
	if err != nil {
		return nil, err
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	options := p.config.GetLinux().GetSecurityContext().GetNamespaceOptions()
	return &pb.PodSandboxStatusResponse{Status: &pb.PodSandboxStatus{
		Id: p.id, Metadata: p.config.Metadata, State: p.state(), CreatedAt: p.createdAt,
		Network: &pb.PodSandboxNetworkStatus{Ip: p.address},
		Linux:   &pb.LinuxPodSandboxStatus{Namespaces: &pb.Namespace{Options: options}},
		Labels:  p.config.Labels, Annotations: p.config.Annotations,
	}}, nil
}

func (r *runtime) ListPodSandbox(_ context.Context, q *pb.ListPodSandboxRequest) (*pb.ListPodSandboxResponse, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	answer := &pb.ListPodSandboxResponse{}
	for _, p := range r.pods {
		if p.matches(q.Filter) {
			answer.Items = append(answer.Items, &pb.PodSandbox{Id: p.id, Metadata: p.config.Metadata, State: p.state(),
				CreatedAt: p.createdAt, Labels: p.config.Labels, Annotations: p.config.Annotations})
		}
	}
	return answer, nil
}

func (p *pod) state() pb.PodSandboxState {
	if p.ready {
		return pb.PodSandboxState_SANDBOX_READY
	}
	return pb.PodSandboxState_SANDBOX_NOTREADY
}

func (p *pod) matches(f *pb.PodSandboxFilter) bool {
	return f == nil || (f.Id == "" || strings.HasPrefix(p.id, f.Id)) &&
		(f.State == nil || f.State.State == p.state()) && hasLabels(p.config.Labels, f.LabelSelector)
}

func hasLabels(have, wanted map[string]string) bool {
	for key, value := range wanted {
		if have[key] != value {
			return false
		}
	}
	return true
}

// UpdatePodSandboxResources has nothing to do: limits are not enforced.
func (r *runtime) UpdatePodSandboxResources(context.Context, *pb.UpdatePodSandboxResourcesRequest) (*pb.UpdatePodSandboxResourcesResponse, error) {
	return &pb.UpdatePodSandboxResourcesResponse{}, nil
}
