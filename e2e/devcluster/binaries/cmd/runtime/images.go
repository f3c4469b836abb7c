package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"log"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	pb "k8s.io/cri-api/pkg/apis/runtime/v1"

	"tidegate.dev/e2e/devcluster/binaries/internal/task"
)

const standardPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// image is a row of the table; images.py describes the fields.
type image struct {
	References []string `json:"references"`
	Command    []string `json:"command"`
	Args       []string `json:"args"`
	Env        []string `json:"env"`
	Binds      []string `json:"binds"`
	User       string   `json:"user"`
	Writable   []string `json:"writable"`
	WorkingDir string   `json:"working_dir"`
}

// imageTable serves the CRI's image service from a file, which it reads again when it has changed.
type imageTable struct {
	pb.UnimplementedImageServiceServer
	path   string
	mutex  sync.Mutex
	rows   []image
	readAt time.Time // the file's modification time
}

func newImageTable(path string) *imageTable { return &imageTable{path: path} }

func (t *imageTable) current() []image {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	info, err := os.Stat(t.path)
	if err != nil || info.ModTime().Equal(t.readAt) {
		return t.rows
	}
	rows, err := task.Read[[]image](t.path)
	if err != nil {
		log.Printf("the image table stays as it was: %v", err)
		return t.rows
	}
	t.rows, t.readAt = rows, info.ModTime()
	return rows
}

// find returns the row for a reference as a Pod writes it.
func (t *imageTable) find(reference string) (*image, error) {
	full := normalise(reference)
	for _, row := range t.current() {
		for _, pattern := range row.References {
			if matchesReference(pattern, full) {
				return &row, nil
			}
		}
	}
	return nil, status.Errorf(codes.NotFound, "failed to pull and unpack image %q: not found: no row of %s has it", full, t.path)
}

// normalise spells a reference in full, as containerd does.
func normalise(reference string) string {
	host, rest, slash := strings.Cut(reference, "/")
	if !slash {
		reference = "docker.io/library/" + reference
	} else if !strings.ContainsAny(host, ".:") && host != "localhost" {
		reference = "docker.io/" + reference
	} else if host == "docker.io" && !strings.Contains(rest, "/") {
		reference = "docker.io/library/" + rest
	}
	if last := reference[strings.LastIndex(reference, "/"):]; !strings.ContainsAny(last, ":@") {
		reference += ":latest"
	}
	return reference
}

// matchesReference compares with `repository` (any tag or digest) or `repository:tag`, where * matches all but a slash.
func matchesReference(pattern, full string) bool {
	repository, _, _ := strings.Cut(full, "@")
	if colon := strings.LastIndex(repository, ":"); colon > strings.LastIndex(repository, "/") {
		repository = repository[:colon]
	}
	tagged, _ := path.Match(pattern, full)
	any, _ := path.Match(pattern, repository)
	return tagged || any
}

// id changes with the row, as a digest with the image.
func (i *image) id() string {
	data, err := json.Marshal(i)
	if err != nil {
		log.Panic(err) // strings can always be marshalled
	}
	digest := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(digest[:])
}

func (i *image) message(reference string) *pb.Image {
	uid, _, _ := strings.Cut(i.User, ":")
	number, err := strconv.ParseInt(uid, 10, 64)
	answer := &pb.Image{Id: i.id(), RepoTags: []string{reference}, Size: 1, Spec: &pb.ImageSpec{Image: reference}}
	if err != nil {
		answer.Username = uid
	} else {
		answer.Uid = &pb.Int64Value{Value: number}
	}
	return answer
}

// imageName prefers the Pod's spelling to the id that kubelet has made of it.
func imageName(spec *pb.ImageSpec) string {
	if spec.GetUserSpecifiedImage() != "" {
		return spec.UserSpecifiedImage
	}
	return spec.GetImage()
}

func (t *imageTable) ListImages(context.Context, *pb.ListImagesRequest) (*pb.ListImagesResponse, error) {
	answer := &pb.ListImagesResponse{}
	for _, row := range t.current() {
		answer.Images = append(answer.Images, row.message(row.References[0]))
	}
	return answer, nil
}

// ImageStatus says that every image of the table is there, so that nothing but the unknown is ever pulled.
func (t *imageTable) ImageStatus(_ context.Context, q *pb.ImageStatusRequest) (*pb.ImageStatusResponse, error) {
	row, err := t.find(imageName(q.Image))
	if err != nil {
		return &pb.ImageStatusResponse{}, nil
	}
	return &pb.ImageStatusResponse{Image: row.message(normalise(imageName(q.Image)))}, nil
}

func (t *imageTable) PullImage(_ context.Context, q *pb.PullImageRequest) (*pb.PullImageResponse, error) {
	row, err := t.find(imageName(q.Image))
	if err != nil {
		return nil, err
	}
	return &pb.PullImageResponse{ImageRef: row.id()}, nil
}

func (t *imageTable) RemoveImage(context.Context, *pb.RemoveImageRequest) (*pb.RemoveImageResponse, error) {
	return &pb.RemoveImageResponse{}, nil // a row takes no space
}

func (t *imageTable) ImageFsInfo(context.Context, *pb.ImageFsInfoRequest) (*pb.ImageFsInfoResponse, error) {
	usage := []*pb.FilesystemUsage{{Timestamp: time.Now().UnixNano(), FsId: &pb.FilesystemIdentifier{Mountpoint: "/"},
		UsedBytes: &pb.UInt64Value{Value: 1}, InodesUsed: &pb.UInt64Value{Value: 1}}}
	return &pb.ImageFsInfoResponse{ImageFilesystems: usage, ContainerFilesystems: usage}, nil
}
