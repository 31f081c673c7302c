BEGIN TRANSACTION;
CREATE TABLE audit (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	at DATETIME NOT NULL, 
	who VARCHAR(255) NOT NULL, 
	source VARCHAR(255) NOT NULL, 
	action VARCHAR(64) NOT NULL, 
	run_id VARCHAR(80), 
	what TEXT NOT NULL
);
INSERT INTO "audit" VALUES(1,'2026-11-24 14:16:35.822959','ann','local','decide','cats-1','outlier k1: keep (decision-1)');
CREATE TABLE datasets (
	id VARCHAR(32) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	source TEXT NOT NULL, 
	root TEXT NOT NULL, 
	rule JSON NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	created_at DATETIME NOT NULL, 
	manifest_digest VARCHAR(64), 
	n_files INTEGER, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "datasets" VALUES('dddddddddddddddd','cats','~/cats','/data/cats','{"label_from": "folder:2", "split_from": "folder", "path_column": null, "format": "auto"}','folder','2026-05-04 03:02:01.000000','ab12',3);
CREATE TABLE decisions (
	seq INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	id VARCHAR(64) NOT NULL, 
	run_id VARCHAR(80) NOT NULL, 
	dataset_id VARCHAR(32) NOT NULL, 
	finding_kind VARCHAR(64) NOT NULL, 
	finding_key VARCHAR(64) NOT NULL, 
	image_ids JSON NOT NULL, 
	verdict VARCHAR(16), 
	label VARCHAR(255) NOT NULL, 
	comment TEXT NOT NULL, 
	reviewer VARCHAR(255) NOT NULL, 
	at DATETIME NOT NULL, 
	source VARCHAR(255) NOT NULL, 
	retracts VARCHAR(64), 
	UNIQUE (id)
);
INSERT INTO "decisions" VALUES(1,'decision-1','cats-1','dddddddddddddddd','outlier','k1','["a", "b"]','keep','','tail is gone','ann','2026-05-04 03:02:01.000000','local',NULL);
CREATE TABLE jobs (
	id VARCHAR(32) NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	payload JSON NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	stage VARCHAR(16), 
	n_done BIGINT NOT NULL, 
	n_total BIGINT NOT NULL, 
	rate_per_s FLOAT, 
	eta_s FLOAT, 
	error TEXT, 
	result JSON, 
	created_at DATETIME NOT NULL, 
	started_at DATETIME, 
	finished_at DATETIME, 
	heartbeat_at DATETIME, 
	worker_pid INTEGER, 
	worker_host VARCHAR(255), 
	cancel_requested BOOLEAN NOT NULL, 
	n_attempts INTEGER NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "jobs" VALUES('1e1357ffb533179e','run','{"n": 1}','queued',NULL,0,0,NULL,NULL,NULL,NULL,'2026-11-24 14:16:35.834846',NULL,NULL,NULL,NULL,NULL,0,0);
CREATE TABLE links (
	id VARCHAR(32) NOT NULL, 
	run_id VARCHAR(80) NOT NULL, 
	view_id VARCHAR(32), 
	role VARCHAR(16) NOT NULL, 
	note VARCHAR(255) NOT NULL, 
	token_hash VARCHAR(64) NOT NULL, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME NOT NULL, 
	revoked_at DATETIME, 
	max_uses INTEGER, 
	n_uses INTEGER NOT NULL, 
	last_used_at DATETIME, 
	PRIMARY KEY (id)
);
INSERT INTO "links" VALUES('l1','cats-1',NULL,'decide','Ann','00','2026-05-04 03:02:01.000000','2026-05-11 03:02:01.000000',NULL,NULL,3,NULL);
CREATE TABLE runs (
	id VARCHAR(80) NOT NULL, 
	dataset_id VARCHAR(32) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	backbone VARCHAR(255) NOT NULL, 
	"key" JSON NOT NULL, 
	manifest_digest VARCHAR(64) NOT NULL, 
	params JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	summary JSON NOT NULL, 
	base_run_id VARCHAR(80), 
	PRIMARY KEY (id), 
	FOREIGN KEY(dataset_id) REFERENCES datasets (id)
);
INSERT INTO "runs" VALUES('cats-1','dddddddddddddddd','first','tiny','{"backbone": "tiny", "checkpoint": "0000000000000000", "layer": "pool", "pooling": "mean", "input_px": 8, "preprocessing": "1111111111111111", "numeric_type": "float32"}','ab12','{"n_neighbors": 7, "min_dist": 0.1, "cluster_method": "hdbscan", "min_cluster_size": null, "min_samples": 3, "n_clusters": 12, "outlier_threshold": 0.95, "hash_radius": 8, "random_state": 42, "objects": false, "object_margin": 0.1}','2026-05-04 03:02:01.000000',NULL,'{}',NULL);
CREATE TABLE saved_views (
	id VARCHAR(32) NOT NULL, 
	run_id VARCHAR(80) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	page VARCHAR(64) NOT NULL, 
	address JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (run_id, name)
);
INSERT INTO "saved_views" VALUES('1e94a7cbf0fd18c9','cats-1','odd ones','explore','{"run": ["cats-1"]}','2026-11-24 14:16:35.800060');
CREATE INDEX ix_jobs_state ON jobs (state);
CREATE INDEX ix_links_run_id ON links (run_id);
CREATE INDEX ix_saved_views_run_id ON saved_views (run_id);
CREATE INDEX ix_decisions_dataset_id ON decisions (dataset_id);
CREATE INDEX ix_audit_run_id ON audit (run_id);
CREATE INDEX ix_runs_dataset_id ON runs (dataset_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('decisions',1);
INSERT INTO "sqlite_sequence" VALUES('audit',1);
COMMIT;
