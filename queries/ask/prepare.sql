PREPARE question AS
